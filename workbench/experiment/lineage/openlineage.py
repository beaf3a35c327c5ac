"""Runs as OpenLineage events (https://openlineage.io): the adapter that imports ``openlineage``.

A run is a run, its notebook is the job, files are datasets with their dataset version, models are what it made. START
and the end are two events; between them OpenLineage asks for nothing. Events carry ids, digests, paths and times. Of an
error they carry the name alone, because its message may quote data, and addresses lose what stands before the ``@``.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID

from workbench import __version__
from workbench.contract.run import InputFile
from workbench.contract.status import RunState
from workbench.experiment.lineage.runs import RunLinks
from workbench.foundation.errors import UnavailableError, UsageError
from workbench.foundation.project import Project

PRODUCER = f"https://pypi.org/project/mlops-workbench/{__version__}"
KEY_VARIABLE = "OPENLINEAGE_API_KEY"
_TIMEOUT_S = 5.0
_ENDS = {RunState.FINISHED: "COMPLETE", RunState.FAILED: "FAIL", RunState.KILLED: "ABORT", RunState.LOST: "ABORT"}


def start_event(project: Project, run: RunLinks, at: str) -> Any:
    """Return the event of a run's beginning.

    Raises:
        UnavailableError: ``openlineage-missing``.
    """
    return _event(project, run, "START", at)


def end_event(project: Project, run: RunLinks, state: str, at: str) -> Any:
    """Return the event of a run's end: COMPLETE, FAIL or ABORT.

    Raises:
        UnavailableError: ``openlineage-missing``.
    """
    return _event(project, run, _ENDS[RunState(state)], at)


def as_json(event: Any) -> str:
    """Return an event as one line of JSON."""
    from openlineage.client.serde import Serde

    return str(Serde.to_json(event))


class Receiver:
    """Where events go.

    Args:
        project: A relative path is seen from its folder.
        to: ``file:<path>``, ``http://…`` or ``https://…``.

    Raises:
        UsageError: ``openlineage-address``: it is neither a file nor an HTTP address.
        UnavailableError: ``openlineage-missing``.
    """

    def __init__(self, project: Project, to: str) -> None:
        self.to = to
        require_openlineage()
        if to.startswith("file:"):
            self._file: Path | None = project.root / to.removeprefix("file:").removeprefix("//")
            is_inside = self._file.resolve().is_relative_to(project.root.resolve())
            if not (is_inside or to.startswith("file:/")):  # by a link, say, which came with the repository
                hint = "name a file inside, or its absolute path"
                raise UsageError("openlineage-address", f"'{to}' leads out of the project", hint)
        elif to.startswith(("http://", "https://")):
            self._file = None
            self._transport = _http(to)
        else:
            hint = 'set openlineage = "file:lineage.jsonl" or an http(s) address under [lineage] in workbench.toml'
            raise UsageError("openlineage-address", f"'{_bare(to)}' is neither a file nor an HTTP address", hint)

    def send(self, event: Any) -> None:
        """Deliver one event; it is there when this returns.

        Raises:
            UnavailableError: ``openlineage-refused``: nobody answers there, or the answer is no.
            StorageError: The file cannot be written.
        """
        if self._file is not None:
            from workbench.foundation.durable import append_line
            from workbench.foundation.errors import storage_errors

            with storage_errors(self._file):
                self._file.parent.mkdir(parents=True, exist_ok=True)
                append_line(self._file, as_json(event).encode())
            return
        import requests

        try:
            self._transport.emit(event).raise_for_status()
        except requests.RequestException as error:
            reason = f"HTTP {error.response.status_code}" if error.response is not None else type(error).__name__
            hint = "events are kept; send them when it answers again: mlops lineage emit"
            raise UnavailableError("openlineage-refused", f"{_bare(self.to)} took no event: {reason}", hint) from None


def require_openlineage() -> None:
    """Make sure that the library is there.

    Raises:
        UnavailableError: ``openlineage-missing``.
    """
    try:
        import openlineage.client.event_v2  # noqa: F401
    except ImportError:
        hint = "pip install 'mlops-workbench[lineage]'"
        raise UnavailableError("openlineage-missing", "openlineage-python is not installed", hint) from None


def _http(to: str) -> Any:
    from openlineage.client.transport.http import HttpConfig, HttpTransport

    options: dict[str, Any] = {"url": to, "timeout": _TIMEOUT_S, "retry": {"total": 2}}
    if key := os.environ.get(KEY_VARIABLE):
        options["auth"] = {"type": "api_key", "apiKey": key}
    return HttpTransport(HttpConfig.from_dict(options))


def _event(project: Project, run: RunLinks, kind: str, at: str) -> Any:
    require_openlineage()
    from openlineage.client import event_v2 as ol
    from openlineage.client import facet_v2 as facets

    ol.set_producer(PRODUCER)
    space = project.config.project.name
    about_run: dict[str, Any] = {
        "nominalTime": facets.nominal_time_run.NominalTimeRunFacet(
            nominalStartTime=run.started_at, nominalEndTime=run.ended_at or None
        ),
        "processing_engine": facets.processing_engine_run.ProcessingEngineRunFacet(
            version=__version__, name="mlops-workbench"
        ),
    }
    if kind == "FAIL":
        about_run["errorMessage"] = facets.error_message_run.ErrorMessageRunFacet(
            message=run.error.partition(":")[0] or "unknown", programmingLanguage="python"
        )
    about_job: dict[str, Any] = {
        "jobType": facets.job_type_job.JobTypeJobFacet(
            processingType="BATCH", integration="MLOPS_WORKBENCH", jobType="NOTEBOOK"
        ),
    }
    if run.commit and run.source:
        about_job["sourceCodeLocation"] = facets.source_code_location_job.SourceCodeLocationJobFacet(
            type="git",
            url=_remote(project),
            path=run.source,
            version=run.commit.partition("+")[0],
        )
    return ol.RunEvent(
        eventTime=at,
        eventType=ol.RunState[kind],
        run=ol.Run(runId=str(UUID(run.id)), facets=about_run),
        job=ol.Job(namespace=space, name=run.source or run.name, facets=about_job),
        inputs=[ol.InputDataset(*_named(space, item), facets=_version_facet(item)) for item in run.inputs],
        outputs=[
            ol.OutputDataset(
                namespace=space,
                name=f"models/{model}",
                facets={"version": facets.dataset_version_dataset.DatasetVersionDatasetFacet(datasetVersion=run.id)},
            )
            for model in (run.models if kind != "START" else ())
        ],
        producer=PRODUCER,
    )


def _named(space: str, item: InputFile) -> tuple[str, str]:
    """Return namespace and name: a file outside the project is one of the machine's."""
    return ("file", item.path) if item.path.startswith("/") else (space, item.path)


def _version_facet(item: InputFile) -> dict[str, Any]:
    from openlineage.client.facet_v2 import dataset_version_dataset

    version = item.dataset_version.rpartition("@")[2] or item.digest
    return {"version": dataset_version_dataset.DatasetVersionDatasetFacet(datasetVersion=version)} if version else {}


def _remote(project: Project) -> str:
    """Return the address of the project's repository without user and password; its folder where it has no remote."""
    command = ["git", "-C", str(project.root), "config", "--get", "remote.origin.url"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, check=False, timeout=5).stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        found = ""
    return _bare(found) if "://" in found else project.root.as_uri()


def _bare(address: str) -> str:
    parts = urlsplit(address)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
