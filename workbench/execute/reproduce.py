"""Run a run again: its commit, its data, its parameters, a fresh kernel.

Only what can be proved equal beforehand is replayed: a run of changed files, of an unknown commit or of data that
nobody kept is *unknown*, and says why. The replay works in a checkout of its own (``spec.json`` names it, the kernel
sees it as ``WORKBENCH_CHECKOUT``) and records in the project's own journal and MLflow store, as a run with the tag
``workbench.replay_of``. Whether both came to the same result is for the caller to compare.
"""

from __future__ import annotations

import secrets
import shutil
from pathlib import Path

from workbench.compute.folder import JobFolder, read_json
from workbench.contract.job import JobCard
from workbench.contract.run import InputFile, RunDetail
from workbench.contract.status import RunState
from workbench.execute.checkout import check_out, lay_out_data, not_replayable
from workbench.execute.jobs import cancel, wait
from workbench.execute.ledger import NOUN, open_records
from workbench.execute.parameters import declared_parameters
from workbench.execute.submission import Order, submit_order
from workbench.experiment.runs import show_run
from workbench.foundation.canonical import digest_file
from workbench.foundation.errors import PendingError, UnknownResultError
from workbench.foundation.lease import Lease, inspect_lease
from workbench.foundation.project import Project


def reproduce(project: Project, run: str, timeout_s: float = 600) -> JobCard:
    """Run a run again from its commit, data and parameters, and wait for the end.

    Args:
        project: The project.
        run: Run id, or a unique beginning of one.
        timeout_s: Seconds after which the replay is cancelled.

    Returns:
        The replay's job; its ``run`` is to be compared with the original.

    Raises:
        NotFoundError: ``run-unknown``.
        UnknownResultError: ``not-replayable``, with the reason, or ``replay-timeout``.
        IntegrityError: ``data-cache-missing`` or ``data-cache-damaged``.
    """
    original = show_run(project, run)
    _require_replayable(original)
    replays = project.state_dir / "replays"
    _sweep(project, replays)
    name = f"rp-{secrets.token_hex(4)}"
    lease = Lease(project.state_dir / "leases" / f"replay-{name}")
    try:
        checkout = check_out(project, original.commit, replays / name)
        lay_out_data(project, checkout)
        for item in original.inputs:
            _require_same(checkout, item)
        return _replay(project, original, checkout, timeout_s)
    finally:
        shutil.rmtree(replays / name, ignore_errors=True)
        lease.release()


def _replay(project: Project, original: RunDetail, checkout: Path, timeout_s: float) -> JobCard:
    notebook = original.card.source
    if not (checkout / notebook).is_file():
        raise not_replayable(f"its commit has no {notebook}", f"git add '{notebook}' && git commit, then run again")
    if original.notebook_digest not in ("", digest_file(checkout / notebook)):
        raise not_replayable(f"{notebook} was not the one of its commit", "commit it, then run again")
    order = Order(
        notebook=notebook,
        files_root=checkout,
        params=_params(project, original, checkout / notebook),
        name=f"replay of {original.card.name}",
        replay_of=original.card.id,
        commit=original.commit,
    )
    job = submit_order(project, order).id
    try:
        return wait(project, job, timeout_s=timeout_s)
    except PendingError:
        cancel(project, job)
        message = f"The replay of {original.card.id[:8]} did not end within {timeout_s:g} s"
        raise UnknownResultError("replay-timeout", message, f"mlops logs {job}") from None
    except BaseException:
        cancel(project, job)  # its checkout is about to go
        raise


def _require_replayable(original: RunDetail) -> None:
    again = "commit everything (git add -A && git commit), then run again"
    if original.card.state == RunState.RUNNING:
        raise not_replayable("it still runs", "wait for its end: mlops jobs")
    if not original.commit:
        raise not_replayable("it has no Git commit", again)
    if original.commit.endswith("+dirty"):
        raise not_replayable("files differed from its commit", again)
    if not original.card.source.endswith(".ipynb"):
        raise not_replayable("no notebook is known as its source", "run the notebook as a job: mlops run <notebook>")
    for item in original.inputs:
        if not item.digest:
            raise not_replayable(f"{item.path} changed while it was read", "run again without changing it")


def _require_same(checkout: Path, item: InputFile) -> None:
    """Refuse where an input is not, byte for byte, what the run read; an absolute path replaces the checkout's."""
    path = checkout / item.path
    hint = f"keep it as a dataset version (mlops data snapshot {item.path}), commit its .dvc file, then run again"
    if not path.is_file():
        raise not_replayable(f"{item.path} is neither in its commit nor in a dataset version of it", hint)
    if digest_file(path) != item.digest:
        raise not_replayable(f"{item.path} is not what the run read", hint)


def _params(project: Project, original: RunDetail, notebook: Path) -> dict[str, str]:
    """Return what was asked for; of a run without a job, what it logged under the names of declared parameters."""
    record = project.journal.record(NOUN, original.card.job) if original.card.job else None
    if record is not None:
        return dict(record.body["params"])
    declared = declared_parameters(notebook)
    return {name: value for name, value in original.card.params.items() if name in declared}


def _sweep(project: Project, replays: Path) -> None:
    """Remove checkouts of callers that died, unless a job still works in one."""
    if not replays.is_dir():
        return
    specs = (read_json(JobFolder.of(project, record.id).spec) or {} for record in open_records(project))
    in_use = [str(spec.get("checkout", "")) for spec in specs]
    for folder in replays.iterdir():
        lease = project.state_dir / "leases" / f"replay-{folder.name}"
        if not inspect_lease(lease).is_alive and not any(path.startswith(str(folder)) for path in in_use):
            shutil.rmtree(folder, ignore_errors=True)
            lease.unlink(missing_ok=True)
