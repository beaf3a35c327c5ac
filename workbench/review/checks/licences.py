"""``licences``: what the model's requirements may be used for, as each package's own metadata says.

Read are PEP 639's ``License-Expression``, else the older classifiers, else a short ``License`` field; a package that
says nothing is unknown unless policy says it for it. Of an expression, ``OR`` needs one allowed side and ``AND`` all;
an exception (``WITH``) widens a licence and is left aside. Not legal advice: what a licence asks for is people's work.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict
from importlib import metadata
from typing import Any

from workbench.contract.status import CheckResult
from workbench.experiment.levels.facts import read_facts
from workbench.experiment.levels.judgement import listed
from workbench.foundation.counting import by_count
from workbench.foundation.errors import NotFoundError, UnknownResultError
from workbench.review.checks.check import CheckInput, Outcome
from workbench.review.checks.dependencies import (
    REQUIREMENTS_FILE,
    RUN_AGAIN,
    fetch_requirements,
    normal,
    read_requirements,
)
from workbench.review.policies.check_rules import LicencesRule
from workbench.review.sandbox.apart import Material

_MOST_TOKENS = 200
_CLASSIFIERS = {
    "MIT License": "MIT",
    "MIT No Attribution License (MIT-0)": "MIT-0",
    "BSD License": "BSD-3-Clause",
    "Apache Software License": "Apache-2.0",
    "ISC License (ISCL)": "ISC",
    "Python Software Foundation License": "PSF-2.0",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "zlib/libpng License": "Zlib",
    "The Unlicense (Unlicense)": "Unlicense",
    "Historical Permission Notice and Disclaimer (HPND)": "HPND",
    "Boost Software License 1.0 (BSL-1.0)": "BSL-1.0",
    "GNU General Public License v2 (GPLv2)": "GPL-2.0-only",
    "GNU General Public License v2 or later (GPLv2+)": "GPL-2.0-or-later",
    "GNU General Public License v3 (GPLv3)": "GPL-3.0-only",
    "GNU General Public License v3 or later (GPLv3+)": "GPL-3.0-or-later",
    "GNU Affero General Public License v3": "AGPL-3.0-only",
    "GNU Affero General Public License v3 or later (AGPLv3+)": "AGPL-3.0-or-later",
    "GNU Lesser General Public License v3 (LGPLv3)": "LGPL-3.0-only",
    "GNU Lesser General Public License v3 or later (LGPLv3+)": "LGPL-3.0-or-later",
}
_PLAIN = {
    "mit": "MIT",
    "mit license": "MIT",
    "the mit license": "MIT",
    "expat": "MIT",
    "apache 2.0": "Apache-2.0",
    "apache-2.0": "Apache-2.0",
    "apache license 2.0": "Apache-2.0",
    "apache license, version 2.0": "Apache-2.0",
    "bsd": "BSD-3-Clause",
    "bsd-3-clause": "BSD-3-Clause",
    "bsd 3-clause": "BSD-3-Clause",
    "bsd 3-clause license": "BSD-3-Clause",
    "new bsd": "BSD-3-Clause",
    "bsd-2-clause": "BSD-2-Clause",
    "bsd 2-clause": "BSD-2-Clause",
    "simplified bsd": "BSD-2-Clause",
    "isc": "ISC",
    "isc license": "ISC",
    "mpl-2.0": "MPL-2.0",
    "mpl 2.0": "MPL-2.0",
    "psf": "PSF-2.0",
    "psf-2.0": "PSF-2.0",
    "psfl": "PSF-2.0",
}
"""By what people write into ``License``, in small letters."""


def gather(given: CheckInput) -> Material:
    """Fetch what the model and its run say they need, and the lists."""
    return Material({**gather_packages(given), "rule": asdict(given.rule.licences)})


def look(given: Material) -> Outcome:
    """Judge the licence of each requirement of the model; without a list of its own, of each package of the run."""
    rule = LicencesRule(**{key: tuple(value) for key, value in given.values["rule"].items()})
    wanted = required_packages(given.values)
    known = {normal(name): value for name, _, value in (pair.partition("=") for pair in rule.known)}
    found = {name: known.get(name) or licence_of(name) for name in wanted}
    verdicts = {name: judge(licence, rule) for name, licence in found.items()}
    denied = sorted(name for name, verdict in verdicts.items() if verdict == "deny")
    unknown = sorted(name for name, verdict in verdicts.items() if verdict == "unknown")
    figures = {"packages": len(found), "denied": len(denied), "unknown": len(unknown)}
    evidence: dict[str, Any] = {"licences": found, "denied": denied, "unknown": unknown}
    tool = "package metadata"
    if denied:
        said = listed([f"{name} is {found[name]}, which policy does not allow" for name in denied])
        return Outcome(CheckResult.FAIL, said, tool, figures, evidence)
    if unknown:
        words = [f"{name} ({found[name] or 'says nothing'})" for name in unknown]
        return Outcome(CheckResult.UNKNOWN, f"No result: on neither list: {listed(words)}", tool, figures, evidence)
    many = f"All {len(found)} packages have an allowed licence"
    summary = by_count(len(found), many, "The only package has an allowed licence", many)
    return Outcome(CheckResult.PASS, summary, tool, figures, evidence)


def gather_packages(given: CheckInput) -> dict[str, Any]:
    """Fetch the model's own list of requirements, unread, and the packages that its run recorded."""
    return {"requirements": fetch_requirements(given), "recorded": dict(recorded_packages(given))}


def required_packages(gathered: Mapping[str, Any]) -> dict[str, str]:
    """Return version by name of what the model needs: its own list, else everything that the run had.

    Raises:
        UnknownResultError: ``environment-unknown``: neither says anything; ``requirement-loose``.
    """
    pinned, loose = read_requirements(gathered["requirements"])
    if loose:
        said = f"'{loose[0]}' is not pinned, so what it brings cannot be told"
        raise UnknownResultError("requirement-loose", said, f"pin it in the model's {REQUIREMENTS_FILE}: name==version")
    if pinned:
        return pinned
    recorded = {normal(name): version for name, version in gathered["recorded"].items()}
    if not recorded:
        raise UnknownResultError("environment-unknown", "Neither model nor run says what it needs", RUN_AGAIN)
    return recorded


def recorded_packages(given: CheckInput) -> Mapping[str, str]:
    """Return the packages that the run recorded; none where the run is gone, which only matters without a list."""
    try:
        return read_facts(given.project, given.run).packages
    except NotFoundError:
        return {}


def licence_of(package: str) -> str:
    """Return the SPDX expression of an installed package; empty where it says nothing that can be told."""
    try:
        found = metadata.metadata(package)
    except metadata.PackageNotFoundError:
        return ""
    said: Mapping[str, Any] = {key: found.get_all(key) or [] for key in ("License-Expression", "Classifier", "License")}
    if said["License-Expression"]:
        return str(said["License-Expression"][0]).strip()
    lines = [line.rpartition(" :: ")[2] for line in said["Classifier"] if line.startswith("License ::")]
    named = [line for line in lines if line != "OSI Approved"]
    if named:
        return " AND ".join(
            _CLASSIFIERS.get(line, f"LicenseRef-{re.sub('[^A-Za-z0-9]+', '-', line)}") for line in named
        )
    plain = " ".join(str(said["License"][0]).split()) if said["License"] else ""
    return _PLAIN.get(plain.casefold(), plain if re.fullmatch(r"[A-Za-z0-9.+-]{2,40}", plain) else "")


def judge(expression: str, rule: LicencesRule) -> str:
    """Return ``allow``, ``deny`` or ``unknown``.

    Of ``A OR B`` the best side counts, of ``A AND B`` the worst; what cannot be read is unknown.
    """
    tokens = re.findall(r"\(|\)|[^\s()]+", expression)
    if len(tokens) > _MOST_TOKENS:  # nobody licenses a package so, and the file decides how deep it nests
        return "unknown"
    try:
        verdict, rest = _either(tokens, rule)
    except IndexError:
        return "unknown"
    return verdict if not rest else "unknown"


_ORDER = ("deny", "unknown", "allow")


def _either(tokens: list[str], rule: LicencesRule) -> tuple[str, list[str]]:
    verdict, tokens = _both(tokens, rule)
    while tokens and tokens[0].upper() == "OR":
        other, tokens = _both(tokens[1:], rule)
        verdict = max(verdict, other, key=_ORDER.index)
    return verdict, tokens


def _both(tokens: list[str], rule: LicencesRule) -> tuple[str, list[str]]:
    verdict, tokens = _one(tokens, rule)
    while tokens and tokens[0].upper() == "AND":
        other, tokens = _one(tokens[1:], rule)
        verdict = min(verdict, other, key=_ORDER.index)
    return verdict, tokens


def _one(tokens: list[str], rule: LicencesRule) -> tuple[str, list[str]]:
    first, rest = tokens[0], tokens[1:]
    if first == "(":
        verdict, rest = _either(rest, rule)
        if rest[0] != ")":
            raise IndexError
        return verdict, rest[1:]
    if rest and rest[0].upper() == "WITH":
        rest = rest[2:]
    allowed, denied = ({name.casefold() for name in names} for names in (rule.allow, rule.deny))
    name = first.casefold()
    return ("deny" if name in denied else "allow" if name in allowed else "unknown"), rest
