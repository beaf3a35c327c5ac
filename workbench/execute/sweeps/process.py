"""The process of a sweep's controller: ``python -m workbench.execute.sweeps.process <project> <sweep>``, detached.

It takes the lease and counts its start before it imports anything that may fail, so a sweep whose controller cannot
live comes to an end instead of being revived for ever.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from workbench.contract.status import JobState
from workbench.execute.ledger import open_records
from workbench.execute.sweeps.record import NOUN, record_ended, record_facts
from workbench.execute.sweeps.revival import folder_of, lease_of
from workbench.foundation.errors import ConflictError, StorageError, UnavailableError, WorkbenchError
from workbench.foundation.journal import Record
from workbench.foundation.lease import Lease
from workbench.foundation.project import Project

_STARTS = 20
"""Times that a controller may start without a trial having ended between."""
_PAUSE_S, _LONGEST_PAUSE_S = 2.0, 60.0


def main(root: Path, sweep: str) -> int:
    """Control a sweep to its end, unless somebody else does or it has ended."""
    project = Project.open(root)
    try:
        lease = Lease(lease_of(project, sweep))
    except ConflictError:
        return 0
    try:
        record = project.journal.record(NOUN, sweep)
        if record is None or record.state != JobState.RUNNING:
            return 0
        starts = int(record.body.get("starts", 0)) + 1
        record = record_facts(project, sweep, starts=starts)
        if starts > _STARTS:
            log = folder_of(project, sweep) / "log.txt"
            return _give_up(project, record, f"its controller died {_STARTS} times; see {log}")
        return _control(project, record)
    finally:
        lease.release()


def _control(project: Project, record: Record) -> int:
    """Control it, and wait out what does not answer: trials go on meanwhile, and nothing is told twice."""
    from workbench.execute.sweeps.controller import Controller

    pause_s = _PAUSE_S
    while True:
        try:
            Controller(project, record).run()
        except (UnavailableError, StorageError) as error:
            print(error, flush=True)  # noqa: T201 -- into log.txt
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
        except WorkbenchError as error:
            return _give_up(project, record, str(error))
        else:
            return 0


def _give_up(project: Project, record: Record, error: str) -> int:
    from workbench.execute.jobs import cancel
    from workbench.execute.sweeps.parent import Parent

    record = project.journal.record(NOUN, record.id) or record
    for job in open_records(project):
        if job.body.get("sweep") == record.id:
            cancel(project, job.id)
    Parent(project, record).end(JobState.FAILED, error, record.body)
    record_ended(project, record.id, JobState.FAILED, error)
    return 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2]))
