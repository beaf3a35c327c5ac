"""What MLflow's registry says now of some models: aliases, versions and tags, read and never written.

Where the store is SQLite, its tables are read directly, in a millisecond and without importing mlflow; elsewhere the
client asks the server.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass, field

from workbench.experiment.store.client import tracking_client, tracking_errors
from workbench.experiment.store.creation import sqlite_path
from workbench.foundation.errors import StorageError
from workbench.foundation.project import Project


@dataclass(frozen=True)
class RegisteredVersion:
    """One version of a registered model.

    Attributes:
        run: Run that it says it came from.
        source: Where it says its files lie.
        tags: Its tags.
    """

    run: str
    source: str
    tags: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class RegisteredModel:
    """A registered model as it is now.

    Attributes:
        aliases: Version that each alias points at.
        versions: Its versions, by number.
        tags: The model's own tags.
    """

    aliases: dict[str, str] = field(default_factory=dict)
    versions: dict[str, RegisteredVersion] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)


def read_registry(project: Project, models: Iterable[str] | None = None) -> dict[str, RegisteredModel]:
    """Return registered models by name; all of them where none is named. One that is not registered is left out.

    Raises:
        StorageError: ``tracking-unreadable``.
        WorkbenchError: The server does not answer.
    """
    path = sqlite_path(project)
    names = None if models is None else set(models)
    if path is not None:
        return _by_sql(str(path), names) if path.is_file() else {}
    return _by_client(project, names)


def _by_sql(path: str, names: set[str] | None) -> dict[str, RegisteredModel]:
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)) as connection:
            found = {
                str(name): RegisteredModel() for (name,) in connection.execute("SELECT name FROM registered_models")
            }
            rows = connection.execute(
                "SELECT name, version, run_id, source FROM model_versions WHERE current_stage != ?", (_GONE,)
            )
            for name, version, run, source in rows:
                found[name].versions[str(version)] = RegisteredVersion(run or "", source or "")
            for name, alias, version in connection.execute("SELECT name, alias, version FROM registered_model_aliases"):
                found[name].aliases[alias] = str(version)
            for name, version, key, value in connection.execute(
                "SELECT name, version, key, value FROM model_version_tags"
            ):
                if str(version) in found[name].versions:
                    found[name].versions[str(version)].tags[key] = value or ""
            for name, key, value in connection.execute("SELECT name, key, value FROM registered_model_tags"):
                found[name].tags[key] = value or ""
    except (sqlite3.OperationalError, KeyError):  # no registry yet, or one that is being changed: look again later
        return {}
    except sqlite3.DatabaseError as error:
        message = f"{path} is damaged or no MLflow store: {error}"
        raise StorageError("tracking-unreadable", message, "restore it from a backup") from error
    return {name: model for name, model in found.items() if names is None or name in names}


_GONE = "Deleted_Internal"
"""How MLflow marks a version that was deleted."""


def _by_client(project: Project, names: set[str] | None) -> dict[str, RegisteredModel]:
    client = tracking_client(project)
    found: dict[str, RegisteredModel] = {}
    with tracking_errors(project):
        for model in client.search_registered_models():
            if names is not None and model.name not in names:
                continue
            versions = {
                str(each.version): RegisteredVersion(each.run_id or "", each.source or "", dict(each.tags))
                for each in client.search_model_versions(f"name = '{model.name}'")
            }
            aliases = {alias: str(version) for alias, version in dict(model.aliases).items()}
            found[model.name] = RegisteredModel(aliases, versions, dict(model.tags))
    return found
