"""The level of a run as it is kept: evidence beside the run, its digest in the journal, a tag for everybody's lists.

The tag alone proves nothing, since anybody may set it. A level counts while the journal names the evidence, the
evidence is still the bytes that the journal names, and the run still says what the evidence rests on. R1 and R2 cost
little and are computed anew each time they are asked for; R3 and R4 take a replay, so what an earlier one has shown is
taken over while it holds.
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from workbench.contract.reproduction import Evidence, Mismatch, Reproduction
from workbench.contract.status import CheckResult
from workbench.experiment.levels.facts import RunFacts, read_artifact
from workbench.experiment.levels.judgement import LEVELS, Judgement, level_from
from workbench.experiment.levels.restorable import this_platform
from workbench.experiment.store import tracking
from workbench.foundation.canonical import canonical_json, digest_bytes
from workbench.foundation.project import Project

EVENT = "run.verified"
FOLDER = "workbench/evidence"
TAG = "workbench.level"
_SCHEMA = 1
_REPLAYED = ("R3", "R4")


def conclude(
    project: Project,
    facts: RunFacts,
    judged: Judgement,
    *,
    jobs: tuple[str, ...] = (),
    replays: tuple[str, ...] = (),
) -> Reproduction:
    """Derive the level from what was found, keep both with the run and return them.

    The order is evidence, journal, tag, so that a level which anybody can see has its evidence; killed in between, the
    next verification writes the rest. Where nothing has changed since the last one, nothing is written. Replays that
    came to no end are returned and not kept where earlier ones did.
    """
    kept = stored_evidence(project, facts)
    if not judged.of_level("R2") and "R2" in kept:  # only R1 was asked for, which says nothing against what was shown
        _take_over(judged, kept["R2"])
    unanswered = _unanswered(judged) if "R3" in kept else ()
    judged.evidence = [item for item in judged.evidence if item not in unanswered]
    if not any(judged.of_level(level) for level in _REPLAYED):
        for level in _REPLAYED:
            if level in kept:
                _take_over(judged, kept[level])
                jobs, replays = tuple(kept[level]["jobs"]), tuple(kept[level]["replays"])
    level = level_from(judged.evidence)
    before = last_verdict(project, facts.run)
    result = Reproduction(
        run=facts.run,
        level=level,
        recorded_level=facts.level,
        is_stale=_rank(level) < _rank(facts.level),
        evidence=tuple(judged.evidence),
        mismatches=tuple(judged.mismatches),
        jobs=jobs,
        replays=replays,
        checked_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
    )
    found = {name: _evidence_file(facts, result, name) for name in LEVELS[1:] if judged.of_level(name)}
    digests = {name: _content_digest(data) for name, data in found.items()}
    if before is None or before["content"] != digests or before["level"] != level:
        _write(project, facts, found)
        files = {name: digest_bytes(data) for name, data in found.items()}
        data = {"level": level, "before": facts.level, "evidence": files, "content": digests, "jobs": list(jobs)}
        with project.journal.transaction() as transaction:
            transaction.append(EVENT, f"run:{facts.run}", data)
    if facts.level != level:
        tracking.set_tags(project, facts.run, {TAG: level})
    return replace(result, evidence=(*result.evidence, *unanswered))


def _unanswered(judged: Judgement) -> tuple[Evidence, ...]:
    """Return the evidence of replays of which one came to no end, cancelled or lost: they speak for nothing.

    What earlier ones have shown stands beside them, for no figure of theirs was looked at.
    """
    found = judged.of_level("R3")
    results = {item.result for item in found}
    return found if CheckResult.UNKNOWN in results and CheckResult.FAIL not in results else ()


def _take_over(judged: Judgement, body: dict[str, Any]) -> None:
    judged.evidence.extend(Evidence(**item) for item in body["evidence"])
    for item in body["mismatches"]:
        judged.differs(**item)


def recorded(project: Project, facts: RunFacts) -> Reproduction:
    """Return the level of a run with the evidence that still holds, as it was last verified; computes nothing anew."""
    kept = stored_evidence(project, facts)
    bodies = [kept[level] for level in LEVELS[1:] if level in kept]
    last = bodies[-1] if bodies else {}
    evidence = tuple(Evidence(**item) for body in bodies for item in body["evidence"])
    level = level_from(evidence)
    return Reproduction(
        run=facts.run,
        level=level,
        recorded_level=facts.level,
        is_stale=_rank(level) < _rank(facts.level),
        evidence=evidence,
        mismatches=tuple(Mismatch(**item) for body in bodies for item in body["mismatches"]),
        jobs=tuple(last.get("jobs", ())),
        replays=tuple(last.get("replays", ())),
        checked_at=str(last.get("checked_at", "")),
    )


def last_verdict(project: Project, run: str) -> dict[str, Any] | None:
    """Return what the journal last said of a run's level; None where nothing."""
    events = project.journal.events(kind=EVENT, subject=f"run:{run}")
    return events[-1].data if events else None


def stored_evidence(project: Project, facts: RunFacts) -> dict[str, dict[str, Any]]:
    """Return the evidence of each level that still holds: named by the journal, unchanged, and about these facts."""
    verdict = last_verdict(project, facts.run) or {}
    found = {}
    for level, digest in verdict.get("evidence", {}).items():
        data = read_artifact(project, facts.artifact_uri, f"{FOLDER}/{level}.json")
        if data is not None and digest_bytes(data) == digest:
            body = json.loads(data)
            if body["rests_on"] == facts.digest:
                found[str(level)] = body
    return found


def _evidence_file(facts: RunFacts, result: Reproduction, level: str) -> bytes:
    own = [asdict(item) for item in result.evidence if item.level == level]
    is_passed = all(item["result"] == CheckResult.PASS for item in own)
    differing = [asdict(item) for item in result.mismatches if item.level == level]
    body = {
        "schema": _SCHEMA,
        "level": level,
        "result": CheckResult.PASS if is_passed else CheckResult.FAIL,
        "run": facts.run,
        "rests_on": facts.digest,
        "evidence": own,
        "mismatches": differing,
        "jobs": list(result.jobs),
        "replays": list(result.replays),
        "on": this_platform(),
        "checked_at": result.checked_at,
    }
    return canonical_json(body)


def _content_digest(data: bytes) -> str:
    """Return the digest of evidence without its time, so that the same finding twice is one."""
    body = json.loads(data)
    return digest_bytes(canonical_json({key: value for key, value in body.items() if key != "checked_at"}))


def _write(project: Project, facts: RunFacts, found: dict[str, bytes]) -> None:
    with tempfile.TemporaryDirectory(prefix="wb-evidence-") as scratch:
        for level, data in found.items():
            (Path(scratch) / f"{level}.json").write_bytes(data)
        tracking.log_artifacts(project, facts.run, Path(scratch), FOLDER)


def _rank(level: str) -> int:
    return LEVELS.index(level) if level in LEVELS else 0
