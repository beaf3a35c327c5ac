"""Carry a recipe out over one file and say what it saved."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from workbench.contract.reduction import ReductionReport, ReductionStep
from workbench.data.paths import data_path, relative_path
from workbench.data.reduction.recipe import Recipe, describe, kind_of, read_recipe
from workbench.data.reduction.steps import apply
from workbench.data.tables.blocks import sizes
from workbench.data.tables.place import find_place
from workbench.data.tables.sources import read_source
from workbench.foundation.canonical import canonical_json, digest_bytes, digest_file
from workbench.foundation.durable import write_atomic
from workbench.foundation.errors import ConflictError, UsageError, read_errors, storage_errors
from workbench.foundation.project import Project

RECORD_SUFFIX = ".reduction.json"


def reduce(project: Project, path: str, recipe: str, out: str) -> ReductionReport:
    """Reduce a table by the steps of a recipe before it is sent, and record the steps beside the output.

    The output is a Parquet file; the same source and recipe give the same bytes.

    Args:
        project: The project.
        path: Table inside the project: CSV, TSV, Parquet, Feather, Excel, or one kept by the block.
        recipe: TOML file with the steps.
        out: Parquet file to write, inside the project.

    Raises:
        NotFoundError: ``data-missing`` or ``recipe-missing``.
        UsageError: ``recipe-invalid``, ``reduction-column-missing``, ``reduction-not-possible``,
            ``table-unreadable`` or ``path-outside-project``.
        ConflictError: ``reduction-over-source``.
        StorageError: ``disk-full`` or ``folder-not-writable``.
    """
    source = project.root / data_path(project, path)
    name = relative_path(project, out)
    target = project.root / name
    if target.suffix != ".parquet":
        raise UsageError("path-not-data", f"{name} is no Parquet file", f"--out {Path(name).with_suffix('.parquet')}")
    if target.resolve() == source.resolve():
        raise ConflictError("reduction-over-source", f"{name} is the source itself", "--out another file")
    plan = read_recipe(_found(project, recipe))
    steps = []
    frame, digest, before = _read(project, source)
    size, data = before, b""
    for step in plan.steps:
        after, error = apply(step, frame)
        data = _parquet(after, plan)
        steps.append(
            ReductionStep(kind_of(step), describe(step), len(frame), len(after), size, len(data), round(error, 12))
        )
        frame, size = after, len(data)
    report = ReductionReport(
        source=source.relative_to(project.root).as_posix(),
        output=name,
        recipe_digest=plan.digest,
        source_digest=digest,
        output_digest=digest_bytes(data),
        bytes_before=before,
        bytes_after=len(data),
        saved_share=round(1 - len(data) / before, 6) if before else 0.0,
        steps=tuple(steps),
    )
    _keep(project, target, data, report, plan)
    return report


def _keep(project: Project, target: Path, data: bytes, report: ReductionReport, plan: Recipe) -> None:
    record = {
        "report": dataclasses.asdict(report),
        "recipe": [{"kind": kind_of(step), **dataclasses.asdict(step)} for step in plan.steps],
        "codec": plan.codec,
    }
    with storage_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(target, data)
        write_atomic(target.with_name(target.name + RECORD_SUFFIX), canonical_json(record))
    with project.journal.transaction() as transaction:
        facts = {key: value for key, value in dataclasses.asdict(report).items() if key != "steps"}
        transaction.append("data.reduced", f"data:{report.output}", facts)


def _found(project: Project, recipe: str) -> Path:
    in_project = project.root / recipe
    return in_project if in_project.is_file() else Path(recipe)


def _read(project: Project, path: Path) -> tuple[Any, str, int]:
    """Return a table as a frame, its digest and its size; text is read as an import reads it, zeros in front kept."""
    import pandas as pd

    try:
        if path.is_dir():
            place = find_place(project, str(path))
            table, index = place.read(), place.index
            if index is not None:
                return table.to_pandas(date_as_object=False), index.digest, sizes(path, index)
        digest, size = digest_file(path), path.stat().st_size
        with read_errors(path):
            if path.suffix == ".parquet":
                return pd.read_parquet(path), digest, size
        return read_source(path).table.to_pandas(date_as_object=False), digest, size
    except (ValueError, OSError, UsageError) as error:  # pandas and pyarrow raise subclasses of these for no table
        said = error.message if isinstance(error, UsageError) else str(error).strip()
        first = (said.splitlines() or [type(error).__name__])[0]
        message = f"{path.name} cannot be read as a table: {first}"
        raise UsageError("table-unreadable", message, "import it first: mlops data import") from error


def _parquet(frame: Any, plan: Recipe) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None)
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression=plan.codec)
    return bytes(sink.getvalue())
