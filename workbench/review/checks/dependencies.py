"""``dependencies``: what the model says it needs is pinned, is what the run used, and is what is installed here now.

"Here" is where the checks run. Packages that only the notebook used may differ; they are counted, not judged.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from workbench.contract.status import CheckResult
from workbench.experiment.capture.environment import environment
from workbench.experiment.levels.facts import read_facts
from workbench.experiment.levels.judgement import listed
from workbench.foundation.counting import by_count
from workbench.foundation.errors import UnknownResultError
from workbench.review.checks.check import CheckInput, Outcome
from workbench.review.sandbox.apart import Material

REQUIREMENTS_FILE = "requirements.txt"
RUN_AGAIN = "train it again with the extension loaded (%load_ext workbench), or as a job: mlops run"
_PINNED = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?\s*==\s*([^\s;,*#]+)\s*(?:;.*)?")


def gather(given: CheckInput) -> Material:
    """Fetch the model's requirements, unread, and the packages that the run recorded."""
    recorded = dict(read_facts(given.project, given.run).packages)
    return Material({"requirements": fetch_requirements(given), "recorded": recorded})


def fetch_requirements(given: CheckInput) -> str:
    """Return the model's own list of requirements, unread; empty where it brings none."""
    store, digest = given.project.store, given.model_digest
    if all(entry.path != REQUIREMENTS_FILE for entry in store.tree(digest)):
        return ""
    return store.read_tree_file(digest, REQUIREMENTS_FILE).decode("utf-8", "replace")


def look(given: Material) -> Outcome:
    """Compare the model's requirements, the run's packages and those installed here."""
    text = given.values["requirements"]
    recorded = {normal(name): version for name, version in given.values["recorded"].items()}
    if not recorded:
        raise UnknownResultError("environment-unknown", "The run did not record its packages", RUN_AGAIN)
    _, python, packages = environment()
    here = {normal(name): version for name, _, version in (package.partition("==") for package in packages)}
    pinned, loose = read_requirements(text)
    used = pinned or recorded  # without a list of its own the model is held to all that the run had
    faults = [f"'{line}' is not pinned" for line in loose]
    faults += _differences(pinned, recorded, "the run used")
    faults += _differences(used, here, "here is")
    differing = sum(here.get(name) != version for name, version in recorded.items())
    figures = {"requirements": len(pinned), "packages": len(recorded), "differing": differing}
    evidence = {"requirements": text, "recorded": recorded, "here": here, "faults": faults}
    tool = f"package metadata, Python {python}"
    if faults:
        return Outcome(CheckResult.FAIL, listed(faults), tool, figures, evidence)
    one = "The only package is pinned, is that of the run and is installed here"
    many = f"{len(used)} packages are pinned, are those of the run and are installed here"
    others = by_count(
        differing, "", "; 1 other of the run differs here", f"; {differing} others of the run differ here"
    )
    summary = by_count(len(used), many, one, many) + others
    return Outcome(CheckResult.PASS, summary, tool, figures, evidence)


def read_requirements(text: str) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return pinned versions by name, and the lines that pin nothing (a range, an address, an option)."""
    pinned: dict[str, str] = {}
    loose = []
    for raw in text.splitlines():
        line = re.sub(r"(^|\s)#.*", "", raw).strip()
        if not line or line.startswith("--hash"):
            continue
        if found := _PINNED.fullmatch(line.removesuffix("\\").strip()):
            pinned[normal(found[1])] = found[2]
        else:
            loose.append(line)
    return pinned, tuple(loose)


def normal(name: str) -> str:
    """Return a package's name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _differences(wanted: Mapping[str, str], found: Mapping[str, str], words: str) -> list[str]:
    return [
        f"{name} {version} is asked for and {words} {found.get(name, 'none')}"
        for name, version in sorted(wanted.items())
        if found.get(name) != version
    ]
