"""MLflow's tables, prepared: its migrations and its import cost seconds, this text milliseconds.

``schemas/<alembic revision>.sql`` is what the migrations of one version of MLflow leave behind in an empty SQLite file.
It is used only where the installed mlflow ends at that very revision, which is read from mlflow's migration files
on disk; any other version creates its own tables as before. A test holds the text to what the installed mlflow makes.

``python -m workbench.experiment.store.schema`` writes the text for the installed mlflow.
"""

from __future__ import annotations

import re
import sqlite3
import sys
import tempfile
import time
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

FOLDER = Path(__file__).with_name("schemas")
_REVISION = re.compile(r"^revision\b[^=\n]*=\s*[\"'](\w+)[\"']", re.MULTILINE)
_DOWN_REVISION = re.compile(r"^down_revision\b[^=\n]*=\s*(.*(?:\n\s+.*)*?)$", re.MULTILINE)
_WORD = re.compile(r"[\"'](\w+)[\"']")
_MAX_LOCATION = 2_000


@lru_cache(maxsize=1)
def installed_revision() -> str:
    """Return the alembic revision that the installed mlflow's migrations end at, without importing it.

    Reading its seventy migration files takes 5 ms, once in a process. Empty where there is no single end.
    """
    spec = find_spec("mlflow")
    if spec is None or not spec.submodule_search_locations:
        return ""
    known, replaced = set(), set()
    for path in Path(spec.submodule_search_locations[0], "store", "db_migrations", "versions").glob("*.py"):
        text = path.read_text(encoding="utf-8")
        known.update(_REVISION.findall(text))
        for before in _DOWN_REVISION.findall(text):
            replaced.update(_WORD.findall(before))
    heads = known - replaced
    return heads.pop() if len(heads) == 1 else ""


def prepared_schema() -> str:
    """Return the SQL that makes the installed mlflow's tables; empty where none was prepared for its revision."""
    revision = installed_revision()
    path = FOLDER / f"{revision}.sql"
    return path.read_text(encoding="utf-8") if revision and path.is_file() else ""


def is_known(revision: str) -> bool:
    """Tell whether a store of this revision may be written by SQL: it was prepared for, and is the installed one."""
    return bool(revision) and revision == installed_revision() and (FOLDER / f"{revision}.sql").is_file()


def fill_from_schema(path: Path, schema: str, experiment: str, artifacts: str) -> bool:
    """Make MLflow's tables and its first two experiments in a new file.

    Args:
        path: The file; it does not exist yet.
        schema: What :func:`prepared_schema` returned.
        experiment: Name of the project's experiment.
        artifacts: Absolute path below which its runs keep their artifacts.

    Returns:
        False, and nothing is made, where MLflow would write these artifacts' address in a way of its own.
    """
    if not artifacts.startswith("/") or "?" in artifacts or len(artifacts) > _MAX_LOCATION:
        return False
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        connection.executescript(f"BEGIN;\n{schema}")
        now = int(time.time() * 1000)
        rows = [(0, "Default", f"{artifacts}/0", now)]
        if experiment != "Default":
            rows.append((1, experiment, artifacts, now))
        connection.executemany(
            "INSERT INTO experiments (experiment_id, name, artifact_location, lifecycle_stage, creation_time,"
            " last_update_time, workspace) VALUES (?1, ?2, ?3, 'active', ?4, ?4, 'default')",
            rows,
        )
        connection.execute("COMMIT")
    finally:
        connection.close()
    return True


def dump_schema(path: Path) -> str:
    """Return, as SQL, all that lies in a store but its experiments; in the order in which SQLite holds it."""
    connection = sqlite3.connect(path)
    try:
        lines = [
            f"{sql};"
            for (sql,) in connection.execute(
                "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' ORDER BY rowid"
            )
        ]
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in sorted(set(tables) - {"experiments"}):
            for row in connection.execute(f'SELECT * FROM "{table}"'):  # noqa: S608 - a table's own name
                values = ", ".join(_literal(value) for value in row)
                lines.append(f'INSERT INTO "{table}" VALUES ({values});')  # noqa: S608 - text for a file
    finally:
        connection.close()
    return "\n".join(lines) + "\n"


def _literal(value: str | float | None) -> str:
    if value is None:
        return "NULL"
    return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else repr(value)


def main() -> int:
    """Write the text for the installed mlflow."""
    from workbench.experiment.store.creation import migrate_store

    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "mlflow.db"
        migrate_store(made, "demo", f"{folder}/artifacts")
        target = FOLDER / f"{installed_revision()}.sql"
        target.write_text(dump_schema(made), encoding="utf-8")
    sys.stdout.write(f"{target}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
