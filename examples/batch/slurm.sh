#!/usr/bin/env bash
# One job file on 16 nodes, without a server: sbatch slurm.sh job.yaml
# Each task plans the same batch and does its own part. Submit again to do what is missing, or a few
# parts of the sixteen alone: sbatch --array=3,7 slurm.sh job.yaml 16
#SBATCH --job-name=gscli
#SBATCH --array=1-16
#SBATCH --cpus-per-task=8
#SBATCH --mem=16G
#SBATCH --time=04:00:00
#SBATCH --signal=B:TERM@120
set -euo pipefail

# exec, so that SLURM's signal two minutes before the end reaches gscli, which finishes what runs.
exec gscli batch "$1" --resume \
    --shard "$SLURM_ARRAY_TASK_ID/${2:-$SLURM_ARRAY_TASK_COUNT}" \
    --workers "${SLURM_CPUS_PER_TASK:-8}"
