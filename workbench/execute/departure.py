"""What a job takes along to a far target: its code as a bundle, where its data lies, and nothing secret.

Everything is looked at before anything is written: a bundle over the target's limit, data that no remote has or a
source of a secret that nobody knows refuse the job here, not after a night in a queue.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from workbench.compute.consent import check_consent
from workbench.compute.targets import Target, Travel
from workbench.data.dvc.repository import cache_settings
from workbench.execute.bundle import Bundle, make_bundle
from workbench.execute.notebook import Notebook
from workbench.execute.references import data_entries
from workbench.execute.secrets import validate_sources
from workbench.foundation.project import Project

BUNDLE = "bundle.tar.gz"
WORK = "work"
"""Folder inside a far job's directory that the bundle is unpacked into."""


def pack(
    project: Project,
    target: Target,
    source: Notebook,
    files_root: Path,
    values: Mapping[str, Any],
    *,
    data: list[dict[str, Any]] | None = None,
    isolation: str = "",
) -> tuple[dict[str, Any], Bundle]:
    """Return what a far job's ``spec.json`` says beyond a local one's, and the bundle.

    Args:
        project: The project.
        target: Where it goes.
        source: The notebook.
        files_root: Folder that the notebook belongs to.
        values: All its parameters, defaults included.
        data: Its data, where that is known; else what the notebook and its parameters name.
        isolation: How it is confined; it is then told no secret, and logs into no server that is shared.

    Raises:
        UsageError: ``bundle-too-large``, ``data-not-pushed`` or ``secret-source-unknown``.
        DeniedError: ``secrets-untrusted``.
    """
    travel = target.travel or Travel()
    isolation = isolation or travel.isolation
    sources = {} if isolation else validate_sources(target.name, travel.env)
    if sources:
        check_consent(project, f"targets.{target.name}")
    notebook = PurePosixPath(source.path.relative_to(files_root.resolve()).as_posix())
    bundle = make_bundle(files_root, str(notebook), travel.bundle_limit_bytes)
    spec = {
        "is_far": True,
        "cwd": (PurePosixPath(WORK) / notebook.parent).as_posix(),
        "checkout": "",
        "channel": travel.channel,
        "bundle": {"source": BUNDLE, "digest": bundle.digest, "bytes": len(bundle.data), "files": len(bundle.files)},
        "data": data_entries(project, files_root, source, values, near(project, travel)) if data is None else data,
        "env": sources,
        "isolation": isolation,
        "python_path": python_path(project) if travel.is_here else None,
        "tracking": {
            "uri": "" if isolation else shared_tracking(project),
            "experiment": project.config.project.name,
        },
        "wait_for_run_s": 0.0,
    }
    return spec, bundle


def near(project: Project, travel: Travel) -> tuple[str, ...]:
    """Return where data is looked for first: on this very machine, in the project's own cache."""
    return (str(cache_settings(project).folder.parent.parent),) if travel.is_here else travel.data_sources


def python_path(project: Project) -> list[str]:
    """Return what ``PYTHONPATH`` names here; what of it lies in the project, relative to it: there it is the bundle."""
    entries = [Path(entry) for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    root = project.root
    return [str(entry.relative_to(root) if entry.is_relative_to(root) else entry.absolute()) for entry in entries]


def shared_tracking(project: Project) -> str:
    """Return the tracking server that a far kernel can talk to by itself; empty where runs are kept in files here."""
    uri = project.tracking_uri
    return uri if uri.startswith(("http://", "https://")) else ""
