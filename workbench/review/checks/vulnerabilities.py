"""``vulnerabilities``: no known one in the model's requirements, by a snapshot of advisories that lies on this disk.

The snapshot is a folder or a zip of OSV records (https://ossf.github.io/osv-schema/), such as the ``PyPI/all.zip`` that
osv.dev publishes; policy names it. Without one, or with one older than policy allows, there is no result: tools that
are offline say "no known vulnerabilities", and that is not the same as none. Its age is that of the newest record, not
of the file, which a copy makes young again.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from packaging.version import InvalidVersion, Version

from workbench.contract.status import CheckResult
from workbench.experiment.levels.judgement import listed
from workbench.foundation.canonical import digest_file
from workbench.foundation.counting import by_count
from workbench.foundation.errors import UnknownResultError
from workbench.foundation.project import Project, expanded
from workbench.review.checks.check import CheckInput, Outcome
from workbench.review.checks.dependencies import normal
from workbench.review.checks.licences import gather_packages, required_packages
from workbench.review.policies.check_rules import VulnerabilitiesRule
from workbench.review.sandbox.apart import Material

MAX_RECORD_BYTES = 4 << 20
_ADVISORIES = "https://osv-vulnerabilities.storage.googleapis.com/PyPI/all.zip"


@dataclass(frozen=True)
class Finding:
    """An advisory that speaks of a package in its version."""

    package: str
    version: str
    id: str
    names: tuple[str, ...]
    summary: str


def gather(given: CheckInput) -> Material:
    """Find the snapshot, unread, and fetch what the model and its run say they need."""
    rule = given.rule.vulnerabilities
    if not rule.snapshot:
        hint = f'[stages.{given.stage}.vulnerabilities] snapshot = "policy/osv.zip"'
        raise UnknownResultError("snapshot-unset", "The policy names no snapshot of advisories", hint)
    path = _find(given.project, rule.snapshot).resolve()
    return Material({**gather_packages(given), "rule": asdict(rule), "path": str(path)}, readable=(path,))


def look(given: Material) -> Outcome:
    """Match the requirements with the snapshot."""
    rule = VulnerabilitiesRule(**{**given.values["rule"], "accepted": tuple(given.values["rule"]["accepted"])})
    path, wanted = Path(given.values["path"]), required_packages(given.values)
    records, count, newest = _records_about(path, wanted, _update(rule.snapshot))
    if newest is None:
        said = f"{rule.snapshot} holds no advisory that says when it is from"
        raise UnknownResultError("snapshot-empty", said, _update(rule.snapshot))
    age_days = (datetime.now(UTC) - newest).total_seconds() / 86400
    if age_days > rule.maximum_age_days:
        raise UnknownResultError(
            "snapshot-old",
            f"The snapshot's newest advisory is {age_days:.0f} days old, more than {rule.maximum_age_days:g}",
            _update(rule.snapshot),
        )
    found = [finding for record in records for finding in findings(record, wanted)]
    open_ = [f for f in found if not set(f.names) & set(rule.accepted)]
    figures = {"packages": len(wanted), "advisories": count, "age_days": round(max(0.0, age_days), 2)}
    figures |= {"found": len(open_), "accepted": len(found) - len(open_)}
    digest = digest_file(path) if path.is_file() else ""
    evidence: dict[str, Any] = {"snapshot": rule.snapshot, "snapshot_digest": digest, "newest": newest.isoformat()}
    evidence |= {"packages": wanted, "found": [vars(f) for f in found], "accepted": list(rule.accepted)}
    days = round(max(0.0, age_days))
    one = f"OSV snapshot of {newest:%Y-%m-%d}, 1 day old, {count:,} advisories"
    many = f"OSV snapshot of {newest:%Y-%m-%d}, {days} days old, {count:,} advisories"
    tool = by_count(days, many, one, many)
    if open_:
        said = listed([f"{f.package} {f.version}: {f.id} {f.summary}".rstrip() for f in open_])
        return Outcome(CheckResult.FAIL, said, tool, figures, evidence)
    accepted = len(found) - len(open_)
    looked = by_count(accepted, "", "; 1 was accepted", f"; {accepted} were accepted")
    age = by_count(days, "as of today", "as of 1 day ago", f"as of {days} days ago")
    many = f"None known in {len(wanted)} packages, {age}"
    summary = by_count(len(wanted), many, f"None known in the only package, {age}", many) + looked
    return Outcome(CheckResult.PASS, summary, tool, figures, evidence)


def findings(record: Mapping[str, Any], wanted: Mapping[str, str]) -> Iterator[Finding]:
    """Yield where an advisory speaks of a wanted package in its version; one that was withdrawn speaks of nothing."""
    if record.get("withdrawn"):
        return
    names = (str(record.get("id", "")), *map(str, record.get("aliases", ())))
    for affected in record.get("affected", ()):
        about = affected.get("package", {})
        name = normal(str(about.get("name", "")))
        if about.get("ecosystem") != "PyPI" or name not in wanted:
            continue
        if is_affected(wanted[name], affected):
            yield Finding(name, wanted[name], names[0], names, str(record.get("summary", ""))[:120])


def is_affected(version: str, affected: Mapping[str, Any]) -> bool:
    """Tell whether a version is in the listed versions or ranges; one that cannot be compared is."""
    if version in affected.get("versions", ()):
        return True
    ranges = [item for item in affected.get("ranges", ()) if item.get("type") == "ECOSYSTEM"]
    if not ranges:
        return not affected.get("versions")  # of commits only, or of everything: it cannot be ruled out
    try:
        here = Version(version)
        return any(_is_within(here, item.get("events", ())) for item in ranges)
    except InvalidVersion:
        return True


def _is_within(version: Version, events: Iterable[Mapping[str, str]]) -> bool:
    """Walk a range's events in the order of their versions, as OSV's own algorithm does."""
    moments: list[tuple[Version, int, str]] = []
    for event in events:
        for kind, value in event.items():
            if kind in ("introduced", "fixed", "last_affected"):
                at = Version("0.dev0" if value == "0" else value)
                moments.append((at, ("fixed", "last_affected", "introduced").index(kind), kind))
    is_in = False
    for at, _, kind in sorted(moments):
        if kind == "introduced" and version >= at:
            is_in = True
        elif (kind == "fixed" and version >= at) or (kind == "last_affected" and version > at):
            is_in = False
    return is_in


def _find(project: Project, snapshot: str) -> Path:
    path = project.root / expanded(snapshot)
    if not path.exists():
        raise UnknownResultError("snapshot-missing", f"There is no snapshot {snapshot}", _update(snapshot))
    return path


def _update(snapshot: str) -> str:
    """Return what brings a new snapshot to the place of the old one."""
    if snapshot.endswith(".zip"):
        return f"fetch a new one: curl -fLo '{snapshot}' {_ADVISORIES}"
    return f"fetch a new one: curl -fLO {_ADVISORIES}; unzip -o all.zip -d '{snapshot}'"


def _records_about(
    path: Path, wanted: Mapping[str, str], hint: str
) -> tuple[list[Mapping[str, Any]], int, datetime | None]:
    """Return the advisories that name a wanted package, the number of all, and the time of the newest."""
    found: list[Mapping[str, Any]] = []
    newest: datetime | None = None
    count = 0
    for name, data in _files(path, hint):
        try:
            record = json.loads(data)
            moment = datetime.fromisoformat(str(record["modified"]).replace("Z", "+00:00"))
            packages = {normal(str(a.get("package", {}).get("name", ""))) for a in record.get("affected", ())}
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            said = f"{name} in the snapshot is no advisory: {error}"
            raise UnknownResultError("snapshot-damaged", said, hint) from error
        count += 1
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        newest = moment if newest is None or moment > newest else newest
        if packages & wanted.keys():
            found.append(record)
    return found, count, newest


def _files(path: Path, hint: str) -> Iterator[tuple[str, bytes]]:
    try:
        if path.is_dir():
            for file in sorted(path.rglob("*.json")):
                yield file.name, file.read_bytes()[: MAX_RECORD_BYTES + 1]
            return
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                if name.endswith(".json"):
                    with archive.open(name) as stream:
                        yield name, stream.read(MAX_RECORD_BYTES + 1)
    except (OSError, zipfile.BadZipFile, RuntimeError) as error:
        raise UnknownResultError("snapshot-damaged", f"The snapshot cannot be read: {error}", hint) from error
