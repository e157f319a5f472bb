"""Many subjects: a pool of processes here, a Slurm job array, or the workers of a Dask scheduler.

People are independent of each other, so that no engine needs to know more than a list. What counts is decided by the
subjects' folders alone: one that is visible is whole, was published by one rename, and carries the hash of its settings
(`wbtools.outputs`, `wbtools.provenance`). Queues, logs and files in `OUT/.wbtools` are for people and may be lost.

====================  =================================================================================================
module                subject
====================  =================================================================================================
subjects, layout      lists of subjects; names of the batch's own files
plan                  what is done to every subject, and the refusal to mix batches
published, attempts   whether a subject is done; what happened on the way
payload, child        the work on one subject; one process for it
worker, allotment     a pack of subjects, in the time and with the processors that were given
local, slurm, dask    who starts workers
overview, cleaning    how a batch stands; what crashes leave
====================  =================================================================================================
"""
