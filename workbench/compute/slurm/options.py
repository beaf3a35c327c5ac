"""What ``[targets.<name>]`` may set for a Slurm cluster."""

from __future__ import annotations

from dataclasses import dataclass

from workbench.compute.far_options import HostOptions


@dataclass(frozen=True)
class SlurmOptions(HostOptions):
    """A cluster, and how its jobs are submitted.

    Attributes:
        host: Login node: a name of ``~/.ssh/config`` or ``user@host``; empty means that this machine submits itself.
        folder: Base of job directories over there, on a file system that every node shares.
        python: Python 3.9 or newer with papermill, on the login node and on the nodes.
        bin: Folder of Slurm's commands, where a login that is not interactive does not find them.
        setup: Lines of shell that run on the node before the job: ``module load python/3.12``.
        partition: Partition; empty takes the cluster's default.
        account: Account that is charged.
        qos: Quality of service.
        constraint: Features that a node must have.
        extra: Further words for ``sbatch``, after all others: ``--mail-type=END``.
    """

    bin: str = ""
    setup: tuple[str, ...] = ()
    partition: str = ""
    account: str = ""
    qos: str = ""
    constraint: str = ""
    extra: tuple[str, ...] = ()

    def _wrong(self) -> dict[str, str]:
        wrong = super()._wrong()
        if "host" in wrong:
            wrong["host"] += "; empty where this machine submits itself"
        if self.bin and not self.bin.startswith("/"):
            wrong["bin"] = "an absolute path"
        return wrong
