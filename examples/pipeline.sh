#!/usr/bin/env bash
# Thin a scene in a pipeline, and use what the reports say: pipeline.sh SCENE FOLDER
set -euo pipefail
scene=$1
folder=$2

# One value of the JSON document on stdin: field grid.voxel_size
field() {
    python3 -c '
import functools, json, sys
print(functools.reduce(lambda part, key: part[key], sys.argv[1].split("."), json.load(sys.stdin)))' "$1"
}

# Thin and describe at once: the scene between the two commands is never a file.
before=$(gscli info "$scene" --json | field input.points)
after=$(gscli resample - - --method one-per-grid --quiet <"$scene" | gscli info - --json | field input.points)
echo "one point a cell: $after of $before points"

# The cell size that was chosen for one draw serves another.
size=$(gscli resample "$scene" "$folder/half.ply" --json | field grid.voxel_size)
gscli resample "$scene" "$folder/flat.ply" --method k-per-grid -k 4 --voxel-size "$size" --report "$folder/flat.json" --quiet
echo "four points a cell of $size: $(field kept.points <"$folder/flat.json") of $before points"
