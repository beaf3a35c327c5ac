"""Slurm: jobs that a cluster queues, started with the commands every cluster has.

In: executions whose directories are ready. Out: batch jobs, how they stand and what they left. Only ``sbatch``,
``squeue``, ``scontrol``, ``scancel`` and ``sinfo`` are asked for, on this machine or at the other end of an ssh
connection; ``sacct`` and a database are not. The controller tells how a job waits and why it was killed; the job
directory, on the cluster's shared file system, tells the rest, and goes on doing so when the controller has forgotten
the job.
"""

from __future__ import annotations

from workbench.compute.slurm.target import SlurmTarget

__all__ = ["SlurmTarget"]
