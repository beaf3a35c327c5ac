"""The verb that writes lineage down for other tools."""

from __future__ import annotations

import json
from pathlib import Path

from workbench.contract.lineage import LineageExport
from workbench.experiment.lineage.prov import to_prov
from workbench.foundation.durable import write_atomic
from workbench.foundation.errors import UsageError, did_you_mean, storage_errors
from workbench.foundation.project import Project
from workbench.project.lineage.walk import MAX_LIMIT, show_lineage

_FORMATS = ("prov", "openlineage")


def export_lineage(project: Project, id: str, to: Path, format: str = "prov") -> LineageExport:
    """Write the lineage of something into a file, as W3C PROV-JSON or as OpenLineage events.

    Args:
        project: The project.
        id: What ``mlops lineage`` takes.
        to: File to write; an older one is replaced.
        format: ``prov``, or ``openlineage`` for the beginnings and ends of the runs, one event a line.

    Raises:
        NotFoundError: ``lineage-unknown``.
        UsageError: ``lineage-ambiguous`` or ``format-unknown``.
        UnavailableError: ``openlineage-missing``.
        StorageError: The file cannot be written.
    """
    if format not in _FORMATS:
        raise UsageError("format-unknown", f"There is no format '{format}'", did_you_mean(format, _FORMATS))
    lineage = show_lineage(project, id, limit=MAX_LIMIT)
    if format == "prov":
        text = json.dumps(to_prov(lineage), indent=1, ensure_ascii=False)
        entries = len(lineage.nodes) + len(lineage.edges)
    else:
        lines = _events(project, [node.name for node in lineage.nodes if node.kind == "run"])
        text, entries = "".join(f"{line}\n" for line in lines), len(lines)
    with storage_errors(to):
        to.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(to, text.encode())
    return LineageExport(format, str(to), entries)


def _events(project: Project, runs: list[str]) -> list[str]:
    from workbench.experiment.lineage import openlineage
    from workbench.experiment.lineage.runs import links_of

    openlineage.require_openlineage()
    lines = []
    for run in sorted(links_of(project, runs), key=lambda run: run.started_at):
        lines.append(openlineage.as_json(openlineage.start_event(project, run, run.started_at)))
        if run.ended_at:
            lines.append(openlineage.as_json(openlineage.end_event(project, run, run.status, run.ended_at)))
    return lines
