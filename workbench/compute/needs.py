"""What a job asks a target for: read from what people type, and refused before anything is written.

``8GiB`` and ``2h30m`` become :class:`~workbench.contract.job.Resources`. A unit is always asked for: ``8G`` means 8e9
bytes to Kubernetes and 2^33 to Slurm, and ``90`` means minutes to Slurm and seconds to Kubernetes. Whoever has to guess
gets a job killed after the night's work.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from workbench.compute.targets import Capability
from workbench.contract.job import Resources
from workbench.foundation.errors import UsageError

if TYPE_CHECKING:
    from workbench.compute.targets import Target

_BYTES: dict[str, int] = {
    **{f"{prefix}iB": 1024**power for power, prefix in enumerate("KMGT", start=1)},
    **{f"{prefix}i": 1024**power for power, prefix in enumerate("KMGT", start=1)},
    **{f"{prefix}B": 1000**power for power, prefix in enumerate("kMGT", start=1)},
    "KB": 1000,
}
_SECONDS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_MEMORY = re.compile(r"(?P<number>\d+(\.\d+)?)\s*(?P<unit>[A-Za-z]*)", re.ASCII)
_TIME = re.compile("".join(rf"(?:(?P<{unit}>\d+){unit})?" for unit in _SECONDS), re.ASCII)
_MOST_S = 366 * 86_400
_LEAST_BYTES = 1 << 20
_MOST_BYTES = 1 << 50


def read_resources(*, cpus: int = 0, memory: str = "", gpus: int = 0, time_limit: str = "") -> Resources:
    """Read what a person asked for.

    Args:
        cpus: Processors; 0 does not ask.
        memory: A number with its unit: ``8GiB``, ``512MiB``, ``16GB``; empty does not ask.
        gpus: GPUs; 0 does not ask.
        time_limit: Days, hours, minutes, seconds: ``2h30m``, ``45m``, ``1d12h``; empty does not ask.

    Raises:
        UsageError: ``resources-unreadable``.
    """
    for option, number in (("cpus", cpus), ("gpus", gpus)):
        if number < 0:
            raise _unreadable(option, str(number), f"write how many: --{option} 2")
    return Resources(
        cpus=cpus,
        memory_bytes=read_memory(memory) if memory else 0,
        gpus=gpus,
        time_limit_s=read_duration(time_limit) if time_limit else 0,
    )


def read_memory(text: str) -> int:
    """Return the bytes that ``8GiB`` means.

    Raises:
        UsageError: ``resources-unreadable``.
    """
    found = _MEMORY.fullmatch(text.strip())
    if not found:
        raise _unreadable("memory", text, "write a number and its unit: --memory 8GiB")
    number, unit = found["number"], found["unit"]
    if unit not in _BYTES:
        letter = unit[:1].upper()
        guesses = f"{number}{letter}iB or {number}{letter}B" if letter and letter in "KMGT" else f"{number}GiB"
        raise _unreadable("memory", text, f"write the unit: --memory {guesses}")
    size = int(float(number) * _BYTES[unit])
    if not _LEAST_BYTES <= size <= _MOST_BYTES:
        raise _unreadable("memory", text, "write a size between 1MiB and 1024TiB: --memory 8GiB")
    return size


def read_duration(text: str) -> int:
    """Return the seconds that ``2h30m`` means.

    Raises:
        UsageError: ``resources-unreadable``.
    """
    found = _TIME.fullmatch(text.strip())
    parts = {unit: int(number) for unit, number in found.groupdict().items() if number} if found else {}
    seconds = sum(number * _SECONDS[unit] for unit, number in parts.items())
    if not 0 < seconds <= _MOST_S:
        raise _unreadable("time-limit", text, "write days, hours, minutes, seconds in that order: --time-limit 2h30m")
    return seconds


def require_capabilities(target: Target, resources: Resources, *also: Capability) -> None:
    """Refuse what a target cannot do, in its own words, before anything is written or sent.

    Args:
        target: Where the job is to run.
        resources: What it asks for.
        also: What else the caller needs of the target.

    Raises:
        UsageError: ``target-cannot``.
    """
    for capability in (*_needed(resources), *also):
        if capability not in target.capabilities:
            reason = target.refusals.get(capability, f"its adapter does not offer '{capability}'")
            message = f"Target '{target.name}' cannot do '{capability}': {reason}"
            raise UsageError("target-cannot", message, "mlops targets (shows what each can do)")


def require_room(target: Target, resources: Resources) -> None:
    """Refuse what one machine does not have; a target with a queue says so itself, and may get more machines.

    Args:
        target: Where the job is to run.
        resources: What it asks for.

    Raises:
        UsageError: ``target-too-small``.
        UnavailableError: The target does not answer.
    """
    if resources == Resources() or Capability.QUEUE in target.capabilities:
        return
    has = target.figures()
    asked = {
        "processors": (resources.cpus, has.cpus),
        "MiB of memory": (resources.memory_bytes >> 20, has.memory_bytes >> 20),
        "GPUs": (resources.gpus, has.gpus),
    }
    for what, (wanted, there) in asked.items():
        if wanted > there:
            message = f"Target '{target.name}' has {there} {what}, and {wanted} were asked for"
            raise UsageError("target-too-small", message, "mlops targets (shows what each has)")


def _needed(resources: Resources) -> list[Capability]:
    needed = []
    if resources.cpus or resources.memory_bytes or resources.time_limit_s:
        needed.append(Capability.LIMITS)
    if resources.gpus:
        needed.append(Capability.GPU)
    return needed


def _unreadable(option: str, text: str, hint: str) -> UsageError:
    return UsageError("resources-unreadable", f"--{option} {text[:80]!r} cannot be read", hint)
