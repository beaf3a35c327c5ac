"""Send OpenLineage events, without ever making a run wait for it or fail.

The journal is the outbox: beginnings and ends of runs are in it anyway, in order, and a small file says up to which of
them the receiver has confirmed. A run only starts this process, detached; it sends what is outstanding and ends. If
the receiver is away, nothing is lost: the next run, or ``mlops lineage emit``, goes on from there. An event may arrive
twice where the process is killed between the answer and the file; OpenLineage's receivers merge events by run.

``python -m workbench.experiment.lineage.delivery <project>``
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from workbench.contract.lineage import LineageExport
from workbench.experiment.lineage import openlineage
from workbench.experiment.lineage.runs import RunLinks, links_of
from workbench.foundation.agreement import check_server
from workbench.foundation.background import spawn_detached
from workbench.foundation.canonical import canonical_json
from workbench.foundation.durable import write_atomic
from workbench.foundation.errors import StorageError, UsageError, WorkbenchError
from workbench.foundation.journal import Event
from workbench.foundation.lock import hold_lock
from workbench.foundation.project import Project

_KINDS = ("run.started", "run.ended")
_PAGE = 500
_WAIT_S = 60


def announce(project: Project) -> None:
    """Have what is outstanding sent by a process of its own, where anybody is to be told; never raises."""
    if not project.config.lineage.openlineage:
        return
    try:
        spawn_detached(__name__, [str(project.root)], log=_folder(project) / "log.txt", cwd=project.root)
    except (OSError, StorageError) as error:
        sys.stderr.write(f"workbench: OpenLineage events wait: {error}\n")


def deliver(project: Project) -> LineageExport:
    """Send the OpenLineage events that are outstanding.

    Args:
        project: The project; ``[lineage] openlineage`` in workbench.toml says where they go.

    Raises:
        UsageError: ``openlineage-unset`` or ``openlineage-address``.
        DeniedError: ``secrets-untrusted``: you have not agreed that it is told.
        UnavailableError: ``openlineage-missing`` or ``openlineage-refused``; what was not sent is kept.
        StorageError: The file cannot be written.
    """
    to = project.config.lineage.openlineage
    if not to:
        hint = 'set openlineage = "file:lineage.jsonl" or an http(s) address under [lineage] in workbench.toml'
        raise UsageError("openlineage-unset", "Nobody is to be told of lineage", hint)
    receiver, sent = openlineage.Receiver(project, to), 0
    check_server(project.config, "lineage")  # before the first event
    with hold_lock(project.state_dir / "leases" / ".openlineage", timeout_s=_WAIT_S):
        while events := project.journal.events(after=_confirmed(project, to), kind="run.*", limit=_PAGE):
            runs = {run.id: run for run in links_of(project, {_run_of(event) for event in events})}
            for event in events:
                run = runs.get(_run_of(event))  # one that was deleted meanwhile is told to nobody
                if run and event.kind in _KINDS:
                    receiver.send(_translated(project, event, run))
                    sent += 1
                _confirm(project, to, event.seq)
    return LineageExport("openlineage", to, sent)


def _translated(project: Project, event: Event, run: RunLinks) -> object:
    if event.kind == "run.started":
        return openlineage.start_event(project, run, event.at)
    return openlineage.end_event(project, run, str((event.data or {}).get("state", "KILLED")), event.at)


def _run_of(event: Event) -> str:
    return event.subject.partition(":")[2]


def _confirmed(project: Project, to: str) -> int:
    """Return the last event that this receiver has; another receiver begins at the beginning."""
    try:
        known = json.loads((_folder(project) / "openlineage.json").read_bytes())
        return int(known["seq"]) if known["to"] == to else 0
    except (OSError, ValueError, KeyError, TypeError):
        return 0


def _confirm(project: Project, to: str, seq: int) -> None:
    write_atomic(_folder(project) / "openlineage.json", canonical_json({"to": to, "seq": seq}))


def _folder(project: Project) -> Path:
    return project.state_dir / "lineage"


def main(root: Path) -> int:
    """Send what is outstanding; what went wrong goes into the log."""
    try:
        deliver(Project.open(root))
    except WorkbenchError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
