"""Many subjects: a pool of processes here, a Slurm job array, or the workers of a Dask scheduler.

People are independent of each other, so that no engine needs to know more than a list. What counts is decided by the
subjects' folders alone: one that is visible is whole, was published by one rename, and carries the hash of its settings
(`wbtools.output.publishing`, `wbtools.provenance`). Queues, logs and files in `OUT/.wbtools` are for people and may be
lost.

==================  =================================================================================================
module              subject
==================  =================================================================================================
subjects            lists of subjects
state               what is planned for every subject, what happened to it, and whether it is done
payload, child      the work on one subject; one process for it
worker, resources   a pack of subjects, in the time and with the processors that were given
engines             who starts workers: this machine, Slurm, or Dask
==================  =================================================================================================
"""
