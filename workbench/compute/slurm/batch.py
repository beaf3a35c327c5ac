"""What ``sbatch`` is told, and what its refusals mean."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from workbench.compute.slurm.options import SlurmOptions
from workbench.foundation.errors import DeniedError, NotFoundError, UsageError, WorkbenchError

_WARNING_S = 40
"""Slurm looks at time limits twice a minute; so much earlier than the grace it is asked for the warning."""

_REFUSALS = (
    ("Invalid account", "account-refused", "account"),
    ("Invalid qos", "qos-refused", "qos"),
    ("Invalid feature", "constraint-unknown", "constraint"),
)
_TOO_MUCH = (
    "Requested node configuration is not available",
    "Memory specification can not be satisfied",
    "More processors requested than permitted",
    "Requested time limit is invalid",
    "Requested partition configuration not available now",
    "Node count specification invalid",
    "Invalid generic resource",
    "CPU count",
)
_QUOTA = ("Job violates accounting/QOS policy", "QOSMax", "AssocMax", "MaxSubmitJobs", "exceeds the maximum")


def batch_words(name: str, spec: Mapping[str, Any], options: SlurmOptions) -> list[str]:
    """Return the words of ``sbatch`` for a job directory with this ``spec.json``."""
    words = [
        "--parsable",
        f"--job-name={name}",
        f"--comment=mlops-workbench: {spec['notebook']}",
        "--nodes=1",
        "--ntasks=1",
        "--no-requeue",  # a second start is a second attempt, and ours to decide
        "--export=NONE",  # nothing of whoever submits goes to the controller's state, least of all a secret
        "--open-mode=append",
        "--output=slurm.txt",
        f"--signal=B:USR1@{math.ceil(options.grace_s) + _WARNING_S}",
    ]
    named = {option: getattr(options, option) for option in ("partition", "account", "qos", "constraint")}
    words += [f"--{option}={value}" for option, value in named.items() if value]
    return [*words, *_resource_words(spec.get("resources", {})), *options.extra]


def _resource_words(resources: Mapping[str, int]) -> list[str]:
    words = []
    if cpus := resources.get("cpus", 0):
        words.append(f"--cpus-per-task={cpus}")
    if memory := resources.get("memory_bytes", 0):
        words.append(f"--mem={math.ceil(memory / (1 << 20))}M")
    if gpus := resources.get("gpus", 0):
        words.append(f"--gres=gpu:{gpus}")
    if seconds := resources.get("time_limit_s", 0):
        words.append(f"--time={math.ceil(seconds / 60)}")  # to the minute; the runner keeps the second
    return words


def refusal(said: str, options: SlurmOptions, target: str, hint: str) -> WorkbenchError:
    """Say why ``sbatch`` refused a job for good.

    Args:
        said: What it wrote to standard error.
        options: What it was told.
        target: Name of the target.
        hint: Command that shows what there is.
    """
    lines = [line.removeprefix("sbatch: error: ").strip() for line in said.splitlines() if line.strip()]
    last = lines[-1] if lines else "it said nothing"
    where = f"look: {hint}"
    if "nvalid partition" in said:
        return NotFoundError("partition-missing", f"Slurm has no partition '{options.partition}'", where)
    for text, code, option in _REFUSALS:
        if text in said:
            value = getattr(options, option)
            message = f"Slurm refuses {option} '{value}' of target '{target}': {last}"
            return DeniedError(code, message, f"change {option} of [targets.{target}] in workbench.toml")
    if any(text in said for text in _QUOTA):
        return DeniedError("quota-exceeded", f"Slurm refuses another job: {last}", "squeue --me")
    if any(text in said for text in _TOO_MUCH):
        return UsageError("target-too-small", f"No node of target '{target}' has what was asked for: {last}", where)
    return DeniedError("slurm-refused", f"Slurm refuses the job: {last}", f"check [targets.{target}]; {where}")
