"""Checks as a job: sent to the target that policy names, waited for, found again after a kill, or given up in time."""

from __future__ import annotations

import json
import platform
import shutil
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from workbench.compute.host_target import HostTarget
from workbench.compute.targets import LOCAL, SANDBOX, Capability, Target, Travel, find_target, target_sections
from workbench.contract.review import CheckReport
from workbench.contract.status import CheckResult, JobState
from workbench.execute.jobs import cancel, show_job, wait
from workbench.execute.ledger import NOUN, find_record, folder_of
from workbench.execute.submission import Order, submit_order
from workbench.foundation.canonical import canonical_json, digest_bytes
from workbench.foundation.errors import PendingError, UsageError, WorkbenchError
from workbench.foundation.project import Project
from workbench.review.checks.check import CheckInput
from workbench.review.checks.registry import FAULTS, gathered, run_check, skip_check, without_result
from workbench.review.elsewhere import luggage as packing
from workbench.review.elsewhere import refusals
from workbench.review.elsewhere.landing import Landed, read_landed
from workbench.review.elsewhere.luggage import Luggage
from workbench.review.policies.policy import read_current
from workbench.review.policies.rules import StageRule
from workbench.review.sandbox.apart import Material

_OF_THIS_JOURNAL = ("inputs", "reproduced")
"""Checks that stay: one only reads what the journal here says, the other is a job of its own, with its own target."""
_NEEDED = ("cryptography", "numpy", "onnx", "onnxruntime", "sqlalchemy")
"""Modules without which no check can begin there; what a single one needs beside them makes that one unknown."""
_NOTEBOOK = "checks.ipynb"
_RECENT = 200
_CELL = """\
import os, subprocess, sys
words = [sys.executable, "far_end.py", "{digest}", os.environ["WORKBENCH_ARTIFACTS"], {needed}]
done = subprocess.run(words, capture_output=True, text=True)
print(done.stdout + done.stderr)
assert done.returncode == 0, (done.stdout + done.stderr)[-2000:]"""


def require_target(project: Project, rule: StageRule) -> None:
    """Refuse a target on which checks could never run, before anything is written; it is not asked yet.

    Raises:
        NotFoundError: ``target-unknown`` or ``target-kind-unknown``.
        UsageError: ``target-cannot``, or an option of it is wrong.
        DeniedError: ``secrets-untrusted``.
    """
    if rule.checks.target != LOCAL:
        _target(project, rule.checks.target)


def options_of(project: Project, rule: StageRule) -> str:
    """Return the options of the target that checks ran on, as JSON: which machine it was, as this project says."""
    section = target_sections(project).get(rule.checks.target)
    return canonical_json(dict(section.options) if section else {}).decode()


def reports_from(given: CheckInput, checks: tuple[str, ...], since: str = "") -> tuple[CheckReport, ...]:
    """Have checks run on the target that policy names, and return their reports; whatever fails is no result.

    Args:
        given: What each is given.
        checks: Their names, ``format`` first.
        since: A job for exactly this that was submitted here at or after this UTC time is taken instead of another;
            empty never does.
    """
    project, required = given.project, given.rule.required
    away = tuple(name for name in checks if name not in _OF_THIS_JOURNAL)
    done: dict[str, CheckReport] = {}
    materials: dict[str, Material] = {}
    for name in away:
        try:
            if (material := gathered(name, given)) is not None:
                materials[name] = material
        except FAULTS as error:
            done[name] = without_result(project, name, name in required, error)
    away = tuple(name for name in away if name not in done)
    try:
        done |= _checked(given, away, materials, since).reports
    except FAULTS as error:
        done |= {name: without_result(project, name, name in required, error) for name in away}
    else:
        if done["format"].result != CheckResult.PASS:  # what is plainly no model is opened by nothing else
            done = {"format": done["format"]}
    reports = []
    is_model = done["format"].result == CheckResult.PASS
    for name in checks:
        is_required = name in required
        if name not in done and not is_model:
            reports.append(skip_check(project, name, is_required, "Not run: the file format did not pass"))
        else:
            reports.append(done[name] if name in done else run_check(name, given, is_required))
    return tuple(reports)


def _checked(given: CheckInput, checks: tuple[str, ...], materials: Mapping[str, Material], since: str) -> Landed:
    """Send, wait and read what came back."""
    project, rule = given.project, given.rule.checks
    target = _target(project, rule.target)
    if isinstance(target, HostTarget) and (missing := target.lacks(_NEEDED)):  # others say so once the job is there
        raise refusals.refused(rule.target, missing)
    packed = packing.pack(given, checks, materials, read_current(project)[1])
    _check_size(packed, target)
    notebook = _notebook(packed)
    job = _known(project, notebook, rule.target, since) or _submitted(given, packed, notebook)
    try:
        card = wait(project, job, timeout_s=rule.timeout_s)
    except PendingError:
        with suppress(WorkbenchError):
            cancel(project, job)
        raise refusals.late(rule.target, job, rule.timeout_s) from None
    if card.state != JobState.SUCCEEDED:
        raise refusals.ended(card)
    folder = folder_of(project, find_record(project, job))
    return read_landed(project.store, folder, packed, target=target.name, job=job)


def _target(project: Project, name: str) -> Target:
    target = find_target(project, name)
    if Capability.REMOTE not in target.capabilities:
        message = f"Target '{name}' runs jobs in the project's own folder, where nothing is kept from them"
        raise UsageError("target-cannot", message, f"leave it to the sandbox: [….checks] target = '{SANDBOX}'")
    return target


def _check_size(packed: Luggage, target: Target) -> None:
    limit = (target.travel or Travel()).bundle_limit_bytes
    if len(packed.data) > limit:
        size, most = (f"{count / 1e6:,.1f} MB" for count in (len(packed.data), limit))
        message = f"The models and what checks need come to {size}, and {target.name} takes {most}"
        hint = f"raise bundle_limit_mb of [targets.{target.name}]; Kubernetes needs a store there"
        raise UsageError("bundle-too-large", message, hint)


def _notebook(packed: Luggage) -> bytes:
    """Return the one notebook for this luggage: by its digest the journal names both."""
    source = _CELL.format(digest=packed.digest, needed=", ".join(map(repr, _NEEDED)))
    cells: list[dict[str, Any]] = [
        {"cell_type": "code", "id": "c0", "metadata": {}, "source": source, "outputs": [], "execution_count": None}
    ]
    metadata = {"kernelspec": {"name": "python3", "language": "python", "display_name": "Python 3"}}
    return json.dumps({"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}).encode()


def _known(project: Project, notebook: bytes, target: str, since: str) -> str:
    """Return the job that a killed predecessor submitted for exactly this; empty where there is none."""
    if not since:
        return ""
    wanted = (digest_bytes(notebook), target, platform.node())
    for record in project.journal.records(NOUN, limit=_RECENT):
        body = record.body
        found = (body["notebook_digest"], body["target"], body.get("machine"))
        is_usable = not JobState(record.state).is_terminal or record.state == JobState.SUCCEEDED
        is_later = datetime.fromisoformat(body["submitted_at"]) >= datetime.fromisoformat(since)
        if found == wanted and is_usable and is_later:
            return show_job(project, record.id).id
    return ""


def _submitted(given: CheckInput, packed: Luggage, notebook: bytes) -> str:
    project, rule = given.project, given.rule.checks
    staging = project.state_dir / "staging" / f"checks-{given.review}"
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True)
    try:
        (staging / packing.FILE).write_bytes(packed.data)
        shutil.copyfile(Path(__file__).with_name("far_end.py"), staging / "far_end.py")
        order = Order(
            notebook=_NOTEBOOK,
            files_root=staging,
            target=rule.target,
            name=f"checks of {given.review}",
            notebook_data=notebook,
            data=[],
            isolation=rule.isolation,
        )
        (staging / _NOTEBOOK).write_bytes(notebook)  # it belongs to the bundle
        return submit_order(project, order).id
    finally:
        shutil.rmtree(staging, ignore_errors=True)
