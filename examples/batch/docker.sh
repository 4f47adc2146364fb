#!/usr/bin/env bash
# A batch in a container: docker.sh FOLDER, which holds scenes/ and gets half/
# Ctrl-C, or `docker stop`, lets what runs finish; run it again to go on.
set -euo pipefail
folder=$(realpath "$1")

docker build --target cpu --tag gscli "$(dirname "${BASH_SOURCE[0]}")/../.."
exec docker run --rm --init --stop-timeout 120 --user "$(id -u):$(id -g)" --volume "$folder:/data" \
    gscli batch resample 'scenes/*.ply' --out-dir half --seed 1 --resume
