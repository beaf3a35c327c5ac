"""The candidate: which model is meant, and its bytes frozen in the store under one digest.

A run's artifacts can be overwritten by whoever may write to the tracker, and MLflow notices nothing. So what is
checked, signed and served is a copy, named by what it is; the run is only asked, later, whether it still holds it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from workbench.contract.model import HOLDOUT_FILE, MANIFEST_FILE, ModelManifest, parse_manifest
from workbench.contract.run import RunCard, RunDetail
from workbench.contract.status import RunState
from workbench.experiment.runs import MAX_LIMIT, list_runs, reader_of, show_run
from workbench.experiment.store.artifacts import local_folder, within
from workbench.experiment.store.models import download_model
from workbench.experiment.store.rows import RunQuery
from workbench.foundation.errors import NotFoundError, PendingError, StorageError, UsageError, did_you_mean
from workbench.foundation.project import Project
from workbench.foundation.store import Store, digest_tree
from workbench.review.provenance import Provenance, provenance_of

REWRITTEN_FILES = frozenset({"registered_model_meta"})
"""Files that MLflow writes into the folder after the fact, when a version is registered; no engine reads them."""


_REPLAY_TAG = "workbench.replay_of"


@dataclass(frozen=True)
class Candidate:
    """A model as it was when its review was requested.

    Attributes:
        model: Name of the model.
        manifest: What its bytes are for.
        run: MLflow run that made it.
        model_digest: Digest of the frozen folder.
        holdout_digest: Digest of its holdout rows; empty without any.
        dataset_versions: Versions of the data it was trained on.
        commit: Git commit, with ``+dirty`` where files differed.
        commit_author: Who wrote that commit; empty where Git does not know it.
        notebook_digest: Digest of the notebook.
        environment_digest: Digest of the environment.
        author: Who ran the training.
        params: The run's parameters.
        metrics: The run's metrics.
        provenance: Who had a hand in it, and what it was made with.
    """

    model: str
    manifest: ModelManifest
    run: str
    model_digest: str
    holdout_digest: str
    dataset_versions: tuple[str, ...]
    commit: str
    commit_author: str
    notebook_digest: str
    environment_digest: str
    author: str
    params: dict[str, str]
    metrics: dict[str, float]
    provenance: Provenance


def freeze_candidate(project: Project, model: str) -> Candidate:
    """Find a model and freeze its bytes.

    Args:
        project: The project.
        model: A model's name (its newest finished run), a run id or a unique prefix of one, or ``run/model`` where a
            run logged several.

    Raises:
        NotFoundError: ``model-unknown``.
        PendingError: ``run-not-finished``.
        UsageError: ``run-without-model``, ``model-ambiguous``, ``not-a-model`` or ``run-not-usable``.
    """
    run, name = _find(project, model)
    with _model_folder(project, run.card.id, name) as folder:
        if not (folder / MANIFEST_FILE).is_file():
            raise UsageError(
                "not-a-model",
                f"models/{name} of run {run.card.id[:8]} has no {MANIFEST_FILE}",
                "log it with: workbench.save_model(model, name=…, train=…, holdout=…)",
            )
        digest = project.store.put_tree(folder, exclude=REWRITTEN_FILES)
    manifest = read_manifest(project.store, digest)
    if manifest.name != name:
        raise UsageError(
            "not-a-model",
            f"models/{name} holds a model called '{manifest.name}'",
            "log it with: workbench.save_model(model, name=…, train=…, holdout=…)",
        )
    files = {entry.path: entry.digest for entry in project.store.tree(digest)}
    provenance = provenance_of(project, run)
    return Candidate(
        model=name,
        manifest=manifest,
        run=run.card.id,
        model_digest=digest,
        holdout_digest=files.get(HOLDOUT_FILE, ""),
        dataset_versions=tuple(dict.fromkeys(i.dataset_version for i in run.inputs if i.dataset_version)),
        commit=run.commit,
        commit_author=provenance.commit_author,
        notebook_digest=provenance.notebook_digest,
        environment_digest=run.environment_digest,
        author=run.card.actor,
        params=run.card.params,
        metrics=run.card.metrics,
        provenance=provenance,
    )


def read_manifest(store: Store, model_digest: str) -> ModelManifest:
    """Return the manifest of a frozen model.

    Raises:
        UsageError: ``not-a-model`` or what ``parse_manifest`` finds wrong.
    """
    try:
        return parse_manifest(store.read_tree_file(model_digest, MANIFEST_FILE))
    except NotFoundError as error:
        raise UsageError("not-a-model", f"{model_digest} has no {MANIFEST_FILE}", "log it with: save_model") from error


def is_unchanged(project: Project, run: str, model: str, model_digest: str) -> bool:
    """Tell whether the run still holds the very bytes that were frozen; one that lost or hides them does not."""
    try:
        with _model_folder(project, run, model) as folder:
            return digest_tree(folder, exclude=REWRITTEN_FILES) == model_digest
    except (NotFoundError, UsageError, StorageError):
        return False


def is_deleted(project: Project, run: str) -> bool:
    """Tell whether a run was deleted, which also hides its files; they are back where it is."""
    try:
        reader = reader_of(project)
        return not reader.ids_with_prefix(run) and bool(reader.ids_with_prefix(run, is_deleted=True))
    except StorageError:
        return False


@contextmanager
def _model_folder(project: Project, run: str, model: str) -> Iterator[Path]:
    """Give the model's folder: in place where artifacts lie on this machine, else a copy for a moment."""
    rows = reader_of(project).search(RunQuery(limit=1, ids=(run,)))
    if not rows:
        raise NotFoundError("run-unknown", f"There is no run '{run}'", "see which there are: mlops runs")
    local = local_folder(rows[0].artifact_uri)
    if local is not None:
        folder = within(local, f"models/{model}")
        if folder is None:
            raise NotFoundError("model-unknown", f"models/{model} of run {run[:8]} lies elsewhere", "mlops runs show")
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="wb-model-") as scratch:
        yield download_model(project, run, model, Path(scratch), rows[0].artifact_uri)


def _find(project: Project, model: str) -> tuple[RunDetail, str]:
    """Return the run and the model's name in it."""
    finished = list_runs(project, limit=MAX_LIMIT, state=RunState.FINISHED)
    for card in finished:
        if model in card.models:
            newest = show_run(project, card.id)
            if _REPLAY_TAG not in newest.tags:  # a replay is somebody's check of a model, not a newer model
                return newest, model
    wanted_run, _, wanted_model = model.partition("/")
    try:
        run = show_run(project, wanted_run)
    except NotFoundError:
        names = {name for card in finished for name in card.models}
        raise NotFoundError(
            "model-unknown", f"There is neither a finished model nor a run '{model}'", did_you_mean(model, names)
        ) from None
    _require_there(run.card)
    _require_finished(run.card)
    return run, _choose(run.card, wanted_model)


def _require_there(run: RunCard) -> None:
    if run.is_deleted:
        raise NotFoundError(
            "run-unknown", f"Run '{run.id}' is deleted", f"bring it back: mlops runs undelete {run.id[:8]}"
        )


def _require_finished(run: RunCard) -> None:
    if run.state == RunState.RUNNING:
        raise PendingError("run-not-finished", f"Run {run.id[:8]} is still running", f"wait: mlops runs show {run.id}")
    if run.state != RunState.FINISHED:
        raise UsageError("run-not-usable", f"Run {run.id[:8]} ended as {run.state}", "run it again: mlops run")


def _choose(run: RunCard, wanted: str) -> str:
    if not run.models:
        hint = "log one in the notebook: workbench.save_model(model, name=…, train=…, holdout=…)"
        raise UsageError("run-without-model", f"Run {run.id[:8]} logged no model", hint)
    if wanted:
        if wanted not in run.models:
            hint = did_you_mean(wanted, run.models)
            raise NotFoundError("model-unknown", f"Run {run.id[:8]} has no model '{wanted}'", hint)
        return wanted
    if len(run.models) > 1:
        hint = f"name one: mlops review request {run.id[:8]}/{run.models[0]}"
        raise UsageError("model-ambiguous", f"Run {run.id[:8]} logged {', '.join(run.models)}", hint)
    return run.models[0]
