"""Declared checks: looked at on demand, at every snapshot and before a job reads the data.

Data that breaks its own checks is not recorded as a version and no job starts on it, unless a person says why it is
accepted all the same; the reason is then an event of the journal. The outcome is remembered by the digests of data and
checks, so asking again costs nothing.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path

from workbench.contract.quality import DataCheckReport, RuleResult
from workbench.data.care.card import is_guarded
from workbench.data.care.masking import mask
from workbench.data.content import digest_of
from workbench.data.paths import data_path, relative_path
from workbench.data.quality.frames import TABLES, content_md5, is_block_table, read_frame, source_of
from workbench.data.quality.rules import SUFFIX, checks_file, read_rules, write_rules
from workbench.foundation.canonical import digest_json
from workbench.foundation.durable import write_atomic
from workbench.foundation.errors import ConflictError, DeniedError, NotFoundError, StorageError, UsageError
from workbench.foundation.project import Project

_REMEMBERED = "checks"
"""Folder in ``.workbench/`` with outcomes by digest; may be deleted at any time."""
_NAMED = 3


def check_data(project: Project, path: str) -> DataCheckReport:
    """Look whether a table holds what its checks file declares; nothing is changed.

    Args:
        project: The project.
        path: A table inside the project, or the id of one of its versions (``data/readings.csv@0123456789ab``).

    Raises:
        NotFoundError: ``data-missing`` or ``version-unknown``.
        UsageError: ``data-not-a-table``, ``checks-invalid``, ``config-syntax``, ``config-unknown-key`` or
            ``config-wrong-type``.
    """
    source = source_of(project, path)
    if not checks_file(project, source.name).is_file():
        return DataCheckReport(source.name, "", is_ok=True, rows=len(read_frame(project, path)))
    return _checked(project, path, source.name, source.file)


def infer_checks(project: Project, path: str, replace_file: bool = False) -> DataCheckReport:
    """Propose checks for a table from its own data, into a file beside it that people then edit.

    Args:
        project: The project.
        path: A table inside the project, or the id of one of its versions.
        replace_file: Write over a checks file that is there already.

    Raises:
        ConflictError: ``checks-exist``: people may have edited them.
        NotFoundError: ``data-missing`` or ``version-unknown``.
        UsageError: ``data-not-a-table``.
    """
    from workbench.data.quality.infer import infer_rules

    source = source_of(project, path)
    file = checks_file(project, source.name)
    if file.exists() and not replace_file:
        hint = f"edit it, or write it anew: mlops data infer '{path}' --replace-file"
        raise ConflictError("checks-exist", f"{source.name}{SUFFIX} is there already", hint)
    rules = infer_rules(read_frame(project, path))
    if is_guarded(project, source.name):  # categories of a guarded dataset may be names
        rules = replace(rules, columns={name: replace(rule, one_of=()) for name, rule in rules.columns.items()})
    write_atomic(file, write_rules(rules, source.name).encode())
    return check_data(project, path)


def refuse_failing(project: Project, paths: Iterable[str], accept: str = "") -> dict[str, str]:
    """Refuse data that breaks its declared checks; called by a snapshot before anything is written.

    Args:
        project: The project.
        paths: Paths relative to the project; of a folder, every table below it that has checks.
        accept: Why broken checks are accepted; recorded in the journal before the data is.

    Returns:
        The digest (``md5:…``) of each file that was looked at: what is recorded must be just that.

    Raises:
        DeniedError: ``data-checks-failed``.
        UsageError: ``data-not-a-table``, ``checks-invalid`` or another fault of a checks file.
    """
    looked_at: dict[str, str] = {}
    reports = []
    for path in (member for given in paths for member in _checked_files(project, given)):
        digest = digest_of(project, path) or ""
        reports.append((_checked(project, path, path, project.root / path), digest))
        looked_at[path] = digest
    broken = [report for report, _ in reports if not report.is_ok]
    if broken and not accept.strip():
        hint = f"mend the data or {broken[0].checks}, or say why it is accepted: --accept '<reason>'"
        raise DeniedError("data-checks-failed", f"{_in_words(broken[0])}", hint)
    if reports:
        with project.journal.transaction() as transaction:
            for report, digest in reports:
                failed = [f"{rule.column}: {rule.rule}".lstrip(": ") for rule in report.rules if not rule.is_ok]
                data = {"path": report.path, "digest": digest, "rules": len(report.rules), "failed": len(failed)}
                if failed:
                    data["accepted"] = accept.strip()
                transaction.append("data.checked", f"dataset:{report.path}", data)
    return looked_at


def refuse_failing_inputs(project: Project, values: Iterable[str], folder: Path | None = None) -> None:
    """Refuse to start a job on data that breaks its checks.

    Args:
        project: The project.
        values: Texts that may name data: a job's parameters and declared inputs; what names none is passed over.
        folder: The job's working directory, which relative paths are looked for in, too.

    Raises:
        DeniedError: ``data-checks-failed``.
    """
    for value in values:
        for path in _inputs_named(project, value, folder):
            report = _checked(project, path, path, project.root / path)
            if not report.is_ok:
                raise DeniedError("data-checks-failed", _in_words(report), f"mlops data checks '{path}'")


def _inputs_named(project: Project, value: str, folder: Path | None) -> list[str]:
    for candidate in (value, str(folder / value) if folder else ""):
        try:
            if candidate:
                return list(_checked_files(project, data_path(project, candidate)))
        except (UsageError, StorageError, NotFoundError):
            continue  # an ordinary value, no path of this project's data
    return []


def _checked_files(project: Project, path: str) -> Iterable[str]:
    """Yield the file, or the tables of the folder, that have checks."""
    full = project.root / path
    if full.is_file() or is_block_table(path):
        if checks_file(project, path).is_file():
            yield path
        return
    for folder, folders, files in os.walk(full):
        folders.sort()
        for name in sorted(files):
            if name.endswith(SUFFIX) and name.removesuffix(SUFFIX) in files:
                yield relative_path(project, str(Path(folder) / name.removesuffix(SUFFIX)))


def _checked(project: Project, path: str, name: str, file: Path) -> DataCheckReport:
    """Look, or remember having looked: the same bytes hold the same rules."""
    rules = read_rules(project, name)
    if rules is None:
        return DataCheckReport(name, "", is_ok=True, rows=0)
    if Path(name).suffix.lower() not in TABLES and not is_block_table(name):
        read_frame(project, path)  # says why it is no table
    guarded = is_guarded(project, name)
    data = {"data": content_md5(file), "rules": json.loads(json.dumps(asdict(rules), default=str)), "guarded": guarded}
    memory = project.state_dir / _REMEMBERED / f"{digest_json(data)[7:39]}.json"
    if (known := _remembered(memory)) is not None:
        return known
    from workbench.data.quality.schema import check_frame

    frame = read_frame(project, path)
    results = check_frame(frame, rules)
    if guarded:
        results = tuple(replace(r, examples=tuple(mask(example) for example in r.examples)) for r in results)
    is_ok = all(result.is_ok for result in results)
    report = DataCheckReport(name, f"{name}{SUFFIX}", is_ok, len(frame), results)
    if is_ok:
        with suppress(StorageError):  # a project one may only read is checked all the same
            write_atomic(memory, json.dumps(asdict(report), ensure_ascii=False).encode())
    return report


def _remembered(file: Path) -> DataCheckReport | None:
    """Return the outcome of an earlier look; only clean ones are kept, so no value of the data lies there."""
    try:
        raw = json.loads(file.read_bytes())
        return DataCheckReport(
            **{**raw, "rules": tuple(RuleResult(**{**rule, "examples": ()}) for rule in raw["rules"])}
        )
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _in_words(report: DataCheckReport) -> str:
    broken = [rule for rule in report.rules if not rule.is_ok]
    named = "; ".join(_broken(rule) for rule in broken[:_NAMED])
    more = f" and {len(broken) - _NAMED} more" if len(broken) > _NAMED else ""
    return f"{report.path} breaks {len(broken)} of its {len(report.rules)} checks: {named}{more}"


def _broken(rule: RuleResult) -> str:
    rows = f" ({rule.failing_rows} rows)" if rule.failing_rows else ""
    return f"{rule.column}: {rule.rule}{rows}".removeprefix(": ")
