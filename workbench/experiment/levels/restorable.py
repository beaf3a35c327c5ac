"""R2, restorable: the inputs can be had again, byte for byte, and so can the environment."""

from __future__ import annotations

import platform
import shlex
from pathlib import Path

from workbench.contract.run import InputFile
from workbench.experiment.capture.environment import environment
from workbench.experiment.levels.facts import RunFacts
from workbench.experiment.levels.judgement import Judgement, bring_inside, listed
from workbench.foundation.canonical import digest_file
from workbench.foundation.counting import by_count


def judge_inputs(facts: RunFacts, folder: Path, judged: Judgement, *, is_own: bool = True) -> bool:
    """Re-hash what a fresh checkout has laid out in ``folder``; an absolute path is looked for where it was.

    Args:
        facts: The run; whoever made it chose the paths.
        folder: The checkout.
        judged: Where it is noted.
        is_own: Whether the run is one's own; of somebody else's no file outside of the checkout is hashed, for the
            digest would tell them of it.

    Returns:
        Whether every input is, byte for byte, what the run read.
    """
    wrong = [(item, found) for item in facts.inputs if (found := _found(folder, item, is_own=is_own)) != item.digest]
    for item, found in wrong:
        judged.differs("R2", "input", item.path, recorded=item.digest or "unknown", found=found or "missing")
    if not wrong:
        count = len(facts.inputs)
        one, many = "Its only input re-hashes to what was recorded", f"All {count} inputs re-hash to what was recorded"
        judged.passed("R2", "inputs", by_count(count, "It read no file", one, many))
        return True
    item, found = wrong[0]
    hint = bring_inside([item.path]) or (
        f"keep it as a dataset version (mlops data snapshot {shlex.quote(item.path)}), commit its .dvc file,"
        " then run again"
    )
    if not item.digest:
        judged.failed("R2", "inputs", f"{item.path} changed while it was read", "run again without changing it")
    elif not found:
        summary = f"{item.path} is neither in its commit nor in a dataset version of it"
        judged.failed("R2", "inputs", summary, hint)
    else:
        paths = listed(item.path for item, _ in wrong)
        judged.failed("R2", "inputs", f"{paths} is not what the run read", hint)
    return False


def judge_environment(facts: RunFacts, judged: Judgement) -> None:
    """Compare the recorded packages with those that are installed here."""
    digest, python, packages = environment()
    present = dict(entry.split("==", 1) for entry in packages)
    differing = _differing(facts, digest, python, present, judged, level="R2")
    if differing is None:
        judged.unknown("R2", "environment", "The run recorded no packages", "run it again: mlops run")
    elif differing:
        hint = "install what was recorded: pip install " + " ".join(
            f"{name}=={facts.packages[name]}" for name in differing[:3] if facts.packages.get(name)
        )
        judged.failed("R2", "environment", f"Not the recorded environment: {listed(differing)}", hint)
    else:
        judged.passed("R2", "environment", f"The {len(present)} packages installed here are the recorded ones")


def compare_environments(one: RunFacts, other: RunFacts, judged: Judgement, level: str) -> list[str] | None:
    """Note the packages in which two runs differ and return their names; None where they were not recorded."""
    return _differing(one, other.environment_digest, other.python, other.packages, judged, level=level)


def _differing(
    facts: RunFacts, digest: str, python: str, present: dict[str, str], judged: Judgement, *, level: str
) -> list[str] | None:
    if not facts.environment_digest and not facts.packages:
        return None
    names = []
    if facts.python and python and facts.python != python:
        judged.differs(level, "package", "python", recorded=facts.python, found=python)
        names.append("python")
    if facts.packages and present:
        for name in sorted({*facts.packages, *present}):
            recorded, found = facts.packages.get(name, ""), present.get(name, "")
            if recorded != found:
                judged.differs(
                    level, "package", name, recorded=recorded or "not installed", found=found or "not installed"
                )
                names.append(name)
    elif facts.environment_digest != digest:
        # Which one it was nobody can say: this run recorded the digest of the list alone.
        judged.differs(level, "package", "unnamed", recorded=facts.environment_digest, found=digest)
        names.append("a package")
    return names


def _found(folder: Path, item: InputFile, *, is_own: bool) -> str:
    """Return the digest of what lies there; an absolute path replaces the folder's."""
    path = folder / item.path
    if not is_own and not path.resolve().is_relative_to(folder.resolve()):
        return ""
    return digest_file(path) if path.is_file() else ""


def this_platform() -> str:
    """Return the machine that the evidence was gathered on."""
    return f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"
