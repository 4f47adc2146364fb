#!/usr/bin/env bash
# GNU parallel runs the parts of a job: parallel.sh job.yaml 4
# With --sshloginfile hosts.txt --workdir . it does so on other machines that see the same files.
set -euo pipefail
job=$1
parts=$2

seq "$parts" | parallel --halt soon,fail=1 gscli batch "$job" --resume --shard "{}/$parts" --workers 1 --quiet

# All parts together: nothing is left to do, and summary.json is of the whole.
exec gscli batch "$job" --resume
