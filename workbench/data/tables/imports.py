"""``data import``: a source becomes ``data/<name>.table/`` and a dataset version."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from workbench.contract.table import ImportedTable, ReadingRecipe
from workbench.data.derived import note_derived
from workbench.data.tables import blocks, original
from workbench.data.tables.keys import check_key, detect_key
from workbench.data.tables.place import table_path
from workbench.data.tables.recipe import SUFFIX, read_recipe, write_recipe
from workbench.data.tables.sources import FORMATS, Source, read_query, read_source
from workbench.data.versions import snapshot
from workbench.foundation.durable import write_atomic
from workbench.foundation.errors import UsageError
from workbench.foundation.lock import hold_lock
from workbench.foundation.project import Project, expanded

_NAME = re.compile(r"[^\W.][^\x00-\x1f/\\:@*?\"<>|]*")
_LOCK_TIMEOUT_S = 120.0


def import_table(
    project: Project,
    source: str = "",
    *,
    name: str = "",
    key: tuple[str, ...] = (),
    sheet: str = "",
    skip_rows: int | None = None,
    encoding: str = "",
    delimiter: str = "",
    query: str = "",
    url_env: str = "",
    keep_original: bool = False,
    infer: bool = False,
    message: str = "",
) -> ImportedTable:
    """Read a table from a file or a database and record it, by the block, as a dataset version.

    How it was read is written to ``data/<name>.table.toml``. The next import of the same name obeys that file, so new
    data with a column of another type is refused; edit the file, or pass ``--infer`` to find everything out again.

    Args:
        project: The project.
        source: CSV, TSV, Parquet, Feather or Excel file; empty with ``--query``, or to read the last source again.
        name: Name of the table; by default the file's.
        key: Column that names a row; repeat it for several. Found out where one plainly does.
        sheet: Sheet of a workbook; the first by default.
        skip_rows: Rows before the header; found out for text files.
        encoding: Of a text file; found out: utf-8, utf-16, cp932 (Shift JIS), euc-jp.
        delimiter: Of a text file; found out.
        query: SQL to ask a database with, instead of a file.
        url_env: Name of the environment variable that holds the database's SQLAlchemy address.
        keep_original: Keep the source's own bytes too where the columns cannot give them back (Parquet, Excel).
        infer: Find everything out again instead of obeying the recipe; a declared key stays.
        message: What you want to remember of this version.

    Raises:
        NotFoundError: ``source-missing``, ``sheet-missing``.
        UsageError: ``table-name``, ``source-unclear``, ``format-unknown``, ``encoding-unknown``, ``table-malformed``,
            ``table-ragged``, ``table-empty``, ``column-type``, ``key-unknown``, ``key-not-unique``,
            ``url-missing`` or ``query-failed``.
        UnavailableError: ``excel-missing`` or ``database-unavailable``.
        ConflictError: ``data-overlaps``.
        StorageError: ``disk-full``, ``folder-not-writable``, ``data-locked``.
    """
    if query and source:
        raise UsageError("source-unclear", "Both a file and a query were named", "name one of them")
    if not (source or query or name):
        raise _nothing_named()
    name = _checked_name(name or (Path(source).stem if source and not query else ""))
    path = table_path(name)
    recipe_file = project.root / path.replace(blocks.SUFFIX, SUFFIX)
    known = read_recipe(recipe_file)
    wanted = _wanted(
        known if known and not infer else None,
        ReadingRecipe(
            "",
            encoding=encoding,
            delimiter={"\\t": "\t", "tab": "\t"}.get(delimiter, delimiter),
            sheet=sheet,
            query=query,
            url_env=url_env or (known.url_env if known else ""),
            skip_rows=skip_rows or 0,
        ),
    )
    declared = key or (known.key if known and known.is_key_declared else ())
    with hold_lock(project.state_dir / "leases" / f".table-{name}", timeout_s=_LOCK_TIMEOUT_S):
        found = _read(project, source, wanted)
        found = _with_key(found, declared, known.key if known else ())
        folder = project.root / path
        if folder.is_dir():
            snapshot(project, (path,))  # somebody may have put something there that no version has yet
        is_text = found.recipe.format == "csv"
        written = blocks.write_table(
            folder,
            found.table,
            found.recipe,
            texts=found.texts,
            original=original.describe(found, keep=keep_original or is_text),
        )
        write_atomic(recipe_file, write_recipe(found.recipe))
        (version,) = snapshot(project, (path,), message)
        if source and not wanted.query:
            note_derived(project, "data.imported", _place_of(project, source), path)
    return ImportedTable(
        version=version,
        rows=written.index.rows,
        columns=len(written.index.columns),
        key=found.recipe.key,
        blocks=len(written.index.files),
        new_blocks=written.new_files,
        stored_bytes=blocks.sizes(folder, written.index),
        new_bytes=written.new_bytes,
        original=original.kind_of(written.index),
        assumptions=_assumptions(found),
        recipe_file=recipe_file.relative_to(project.root).as_posix(),
        recipe=found.recipe,
    )


def _checked_name(name: str) -> str:
    name = name.removesuffix(blocks.SUFFIX)
    if not _NAME.fullmatch(name) or len(name.encode()) > 100:
        hint = "give it one: mlops data import readings.csv --name readings"
        raise UsageError("table-name", f"'{name[:80]}' is no name for a table", hint)
    return name


def _wanted(known: ReadingRecipe | None, given: ReadingRecipe) -> ReadingRecipe:
    """Return what is declared: the recipe, and over it what was said on the command line."""
    base = known or ReadingRecipe("")
    said = {field: value for field, value in vars(given).items() if value not in ("", 0, (), False)}
    return replace(base, **said)


def _read(project: Project, source: str, wanted: ReadingRecipe) -> Source:
    if wanted.query and not source:
        return read_query(wanted)
    if not source:
        raise _nothing_named()
    return read_source(_place_of(project, source), wanted, exactly=True)


def _place_of(project: Project, source: str) -> Path:
    given = expanded(source)
    return next((root / given for root in (project.root, Path.cwd()) if (root / given).exists()), Path(given))


def _nothing_named() -> UsageError:
    hint = f"mlops data import FILE ({', '.join(sorted(FORMATS))}), or --query SQL --url-env VARIABLE"
    return UsageError("source-unclear", "Neither a file nor a query was named", hint)


def _with_key(found: Source, declared: tuple[str, ...], before: tuple[str, ...]) -> Source:
    if not found.table.num_columns:
        raise UsageError("table-empty", "The source has no columns", "name another file")
    if declared:
        check_key(found.table, declared)
        return replace(found, recipe=replace(found.recipe, key=declared, is_key_declared=True))
    return replace(found, recipe=replace(found.recipe, key=detect_key(found.table, before), is_key_declared=False))


def _assumptions(found: Source) -> tuple[str, ...]:
    """Say what was taken for granted, so that a person can disagree."""
    recipe, said = found.recipe, []
    if recipe.encoding and recipe.encoding not in ("utf-8", "utf-8-sig"):
        said.append(f"read as {recipe.encoding}")
    if recipe.skip_rows:
        said.append(f"{recipe.skip_rows} rows before the header left out")
    if recipe.key and not recipe.is_key_declared:
        said.append(f"'{recipe.key[0]}' names the rows (unique, never missing)")
    said.extend(f"{rule.name}: {note}" for rule in recipe.columns for note in rule.notes)
    texts = ", ".join(found.texts)
    if texts:
        said.append(f"kept as text as well as read, since no one form gives it back: {texts}")
    return tuple(said)
