"""Slurm as an engine: generated scripts for `sbatch`, job arrays, rounds that follow each other without a user."""
