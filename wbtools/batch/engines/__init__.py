"""Where a batch runs: on this machine, on a Dask cluster, or on Slurm."""
