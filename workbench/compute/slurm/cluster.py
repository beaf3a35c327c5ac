"""What a cluster has, and whether a job could be sent to it: one question for all of it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from workbench.contract.project import Finding
from workbench.foundation.errors import did_you_mean

_MIB = 1 << 20
_GPUS = re.compile(r"gpu(?::[^:,()]+)*?:(\d+)")


@dataclass(frozen=True)
class Node:
    """A node as one partition offers it.

    Attributes:
        name: Its name.
        cpus: Processors.
        cpus_free: Those that nobody uses.
        memory_bytes: Memory.
        gpus: GPUs.
        gpus_free: Those that nobody uses.
    """

    name: str
    cpus: int
    cpus_free: int
    memory_bytes: int
    gpus: int
    gpus_free: int


@dataclass(frozen=True)
class Partition:
    """A queue and the nodes behind it.

    Attributes:
        name: Its name.
        is_default: Whether jobs that name none go there.
        is_up: Whether it takes jobs and starts them.
        time_limit: As Slurm writes it: ``1-00:00:00``, ``infinite``.
        nodes: Its nodes.
        waiting: Jobs of anybody that wait.
    """

    name: str
    is_default: bool
    is_up: bool
    time_limit: str
    nodes: tuple[Node, ...]
    waiting: int


@dataclass(frozen=True)
class Survey:
    """What one look at a cluster brought.

    Attributes:
        missing: Commands that are not there.
        ping: What the controller said.
        partitions: By name.
        limits: What the partition gives to one job at most, in Slurm's words.
    """

    missing: tuple[str, ...]
    ping: str
    partitions: dict[str, Partition]
    limits: str

    def partition(self, name: str) -> Partition | None:
        """Return a partition, or the default one where no name is given."""
        if name:
            return self.partitions.get(name)
        return next((found for found in self.partitions.values() if found.is_default), None)


def read_survey(text: str) -> Survey:
    """Read what :data:`~workbench.compute.slurm.scripts.SURVEY` printed."""
    missing, ping, nodes, waiting, limits = (part.strip() for part in text.split("\x1e"))
    return Survey(tuple(missing.split()), ping, _read_partitions(nodes, waiting.split()), _read_limits(limits))


def _read_partitions(text: str, waiting: list[str]) -> dict[str, Partition]:
    found: dict[str, Partition] = {}
    for line in text.splitlines():
        words = line.rstrip("|").split("|")
        if len(words) != 8:
            continue  # what sinfo says where it gets no answer
        label, available, time_limit, name, cpus, memory, gres, used = words
        partition = label.rstrip("*")
        _, idle, _, total = (int(number) for number in cpus.split("/"))
        gpus, busy = count_gpus(gres), count_gpus(used)
        node = Node(name, total, idle, int(memory) * _MIB, gpus, gpus - busy)
        known = found[partition].nodes if partition in found else ()
        is_default, is_up = label.endswith("*"), available == "up"
        found[partition] = Partition(partition, is_default, is_up, time_limit, (*known, node), waiting.count(partition))
    return found


def count_gpus(gres: str) -> int:
    """Count the GPUs in Slurm's words: ``gpu:a100:4(S:0-1),gpu:2``."""
    return sum(int(number) for number in _GPUS.findall(re.sub(r"\([^)]*\)", "", gres)))


def _read_limits(text: str) -> str:
    """Return what a partition gives to one job at most; limits that it does not have are left out."""
    values = dict(word.split("=", 1) for word in text.split() if "=" in word)
    shown = {"MaxTime": "time", "MaxNodes": "nodes", "MaxCPUsPerNode": "processors", "MaxMemPerNode": "MiB of memory"}
    parts = [
        f"{values[key]} {word}" for key, word in shown.items() if values.get(key, "UNLIMITED") not in ("UNLIMITED", "0")
    ]
    return f"one job gets at most {', '.join(parts)}" if parts else ""


def check_cluster(survey: Survey, wanted: str, target: str, look: str) -> tuple[Finding, ...]:
    """Say whether the cluster would take a job.

    Args:
        survey: What was seen.
        wanted: Name of a partition; empty for the default one.
        target: Name of the target.
        look: Command that a person types to see the controller.
    """
    if survey.missing:
        message = f"not found there: {', '.join(survey.missing)}"
        hint = f'say where Slurm\'s commands are: bin = "/opt/slurm/bin" in [targets.{target}]'
        return (Finding("commands", is_ok=False, message=message, hint=hint),)
    commands = Finding("commands", is_ok=True, message="sbatch, squeue, scontrol, scancel and sinfo are there")
    if not survey.partitions or " UP" not in survey.ping:
        said = (survey.ping.splitlines() or ["it said nothing"])[0]
        message = f"the controller does not answer: {said}"
        return (commands, Finding("controller", is_ok=False, message=message, hint=f"try: {look}"))
    controller = Finding("controller", is_ok=True, message=survey.ping.splitlines()[0])
    return (commands, controller, _check_partition(survey, wanted, target))


def _check_partition(survey: Survey, wanted: str, target: str) -> Finding:
    found = survey.partition(wanted)
    change = f"change partition of [targets.{target}] in workbench.toml"
    if found is None and wanted:
        hint = f"{did_you_mean(wanted, survey.partitions)}; {change}"
        return Finding("partition-missing", is_ok=False, message=f"there is no partition '{wanted}'", hint=hint)
    if found is None:
        message = "the cluster has no default partition"
        hint = f"{did_you_mean('', survey.partitions)}; {change}"
        return Finding("partition-missing", is_ok=False, message=message, hint=hint)
    if not found.is_up:
        up = [other.name for other in survey.partitions.values() if other.is_up]
        hint = f"{did_you_mean('', up)}; {change}"
        return Finding("partition", is_ok=False, message=f"partition '{found.name}' is down", hint=hint)
    free = sum(node.cpus_free for node in found.nodes)
    return Finding("partition", is_ok=True, message=f"{found.name}: {free} processors free, {found.waiting} jobs wait")
