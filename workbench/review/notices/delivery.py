"""Delivering: the journal is the outbox, a file for each receiver says how far it was told and when to try again.

Verbs call :func:`announce`, which starts a process and returns; the process tells everybody, waits out the pauses and
ends when nothing is left, or after an hour. Whoever comes next (a verb, a Jupyter server, ``mlops notices send``) goes
on from the files, so a restart loses nothing. A message may arrive twice where a process dies between the answer and
the file; its id is the same then.

``python -m workbench.review.notices.delivery <project>``
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from pathlib import Path

from workbench.compute.consent import check_consent, has_consent
from workbench.contract.notice import NoticeCard
from workbench.foundation.background import spawn_detached
from workbench.foundation.canonical import canonical_json
from workbench.foundation.config import NoticeSection
from workbench.foundation.durable import write_atomic
from workbench.foundation.errors import ConflictError, StorageError, UnavailableError, WorkbenchError
from workbench.foundation.journal import Event
from workbench.foundation.lease import Lease
from workbench.foundation.project import Project
from workbench.review.notices.message import message_of
from workbench.review.notices.receivers import check_receiver, is_name, send

FIRST_PAUSE_S = 2.0
LONGEST_PAUSE_S = 3600.0
MOST_TRIES = 24
"""After so many, over about half a day, one message is given up and the next is tried; the journal says so."""

_LIFE_S = 3600.0
_TURNS, _TURN_S = 40, 0.25
_YOUNG = timedelta(minutes=10)
"""A receiver that is new is told of what happened this long ago, not of all history."""


@dataclass(frozen=True)
class Cursor:
    """How far one receiver was told.

    Attributes:
        seq: Last event that it has, or that is not for it.
        tries: Times the next one failed.
        due_at: Unix time before which it is not tried again.
        error: Why it failed last.
    """

    seq: int
    tries: int = 0
    due_at: float = 0.0
    error: str = ""


def announce(project: Project) -> None:
    """Have everybody told by a process of its own, where there is anybody; never raises."""
    if not project.config.notices:
        return
    try:
        _begin(project)
        if not _trusted(project):
            return
        spawn_detached(__name__, [str(project.root)], log=_folder(project) / "log.txt", cwd=project.root)
    except (OSError, StorageError) as error:
        sys.stderr.write(f"workbench: notices wait: {error}\n")


def list_notices(project: Project) -> tuple[NoticeCard, ...]:
    """List who is told what happens, and what waits for them.

    Args:
        project: The project; ``[notices.<name>]`` in workbench.toml says who.

    Raises:
        UsageError: ``notice-malformed``, ``notice-insecure`` or ``secret-source-unknown``.
    """
    for name, given in project.config.notices.items():
        check_receiver(name, given)
    return tuple(_card(project, name, given) for name, given in project.config.notices.items())


def send_notices(project: Project) -> tuple[NoticeCard, ...]:
    """Tell now what is outstanding, without waiting out a pause.

    Args:
        project: The project.

    Raises:
        UsageError: ``notice-malformed`` or ``secret-source-unknown``.
        ConflictError: ``lease-held``: a process is at it already.
        DeniedError: ``secrets-untrusted``: you have not agreed that a receiver's secrets are read; others were told.
    """
    for name, given in project.config.notices.items():
        check_receiver(name, given)
    lease = Lease(_lease_path(project))
    try:
        for name, given in _trusted(project):
            _deliver(project, name, given, is_patient=False)
    finally:
        lease.release()
    for name in project.config.notices:
        check_consent(project, _section(name))
    return list_notices(project)


def is_due(project: Project) -> bool:
    """Tell whether somebody waits for something that may be tried now."""
    now = time.time()
    return any(
        _cursor(project, name).due_at <= now and next(_outstanding(project, name, given), None) is not None
        for name, given in _trusted(project)
    )


def run(project: Project, life_s: float = _LIFE_S) -> None:
    """Tell everybody, waiting out the pauses, until nothing is left or the time is over."""
    ends = time.monotonic() + life_s
    lease = _lease(project)
    if lease is None:
        return
    try:
        while time.monotonic() < ends:
            for name, given in _trusted(project):
                _deliver(project, name, given, is_patient=True)
            waiting = [
                _cursor(project, name).due_at
                for name, given in _trusted(project)
                if next(_outstanding(project, name, given), None) is not None
            ]
            if not waiting:
                return
            time.sleep(min(max(min(waiting) - time.time(), 0.1), 5.0))
    finally:
        lease.release()


def _trusted(project: Project) -> tuple[tuple[str, NoticeSection], ...]:
    """Return the receivers whose secrets this user lets be read; for the others everything waits, untried."""
    named = (item for item in project.config.notices.items() if is_name(item[0]))
    return tuple(item for item in named if has_consent(project, _section(item[0])))


def _section(name: str) -> str:
    return f"notices.{name}"


def _lease(project: Project) -> Lease | None:
    """Take the lease; None where another process is at it, which may just be about to end without having seen this."""
    for _ in range(_TURNS):
        try:
            return Lease(_lease_path(project))
        except ConflictError:
            time.sleep(_TURN_S)
            if not is_due(project):
                return None
    return None


def _deliver(project: Project, name: str, given: NoticeSection, *, is_patient: bool) -> None:
    """Tell one receiver what is outstanding, in order, up to the first that it does not take."""
    for event in _outstanding(project, name, given):
        cursor = _cursor(project, name)
        if is_patient and time.time() < cursor.due_at:
            return
        try:
            send(name, given, message_of(project, event))
        except WorkbenchError as error:
            tries = cursor.tries + 1
            if tries >= MOST_TRIES:
                _give_up(project, name, event, error)
                continue
            pause = min(FIRST_PAUSE_S * 2 ** (tries - 1), LONGEST_PAUSE_S)
            _keep(project, name, Cursor(event.seq - 1, tries, time.time() + pause, error.message))
            if not isinstance(error, UnavailableError):
                sys.stderr.write(f"{error}\n")
            return
        _keep(project, name, Cursor(event.seq))


def _give_up(project: Project, name: str, event: Event, error: WorkbenchError) -> None:
    with project.journal.transaction() as transaction:
        told = {"receiver": name, "seq": event.seq, "reason": error.message}
        transaction.append("notice.given-up", f"notice:{name}", told, actor="system")
    _keep(project, name, Cursor(event.seq))


def _outstanding(project: Project, name: str, given: NoticeSection) -> Iterator[Event]:
    for event in project.journal.events(after=_cursor(project, name).seq):
        if any(fnmatchcase(event.kind, pattern) for pattern in given.events):
            yield event


def _cursor(project: Project, name: str) -> Cursor:
    try:
        return Cursor(**json.loads(_path(project, name).read_bytes()))
    except (OSError, ValueError, TypeError):
        since = (datetime.now(UTC) - _YOUNG).isoformat()
        older = [event.seq for event in project.journal.events() if event.at < since]
        return Cursor(max(older, default=0))


def _begin(project: Project) -> None:
    """Write down where each new receiver begins; else what waits for a first message would grow too old for it."""
    for name in filter(is_name, project.config.notices):
        if not _path(project, name).exists():
            _keep(project, name, _cursor(project, name))


def _keep(project: Project, name: str, cursor: Cursor) -> None:
    write_atomic(_path(project, name), canonical_json(asdict(cursor)))


def _card(project: Project, name: str, given: NoticeSection) -> NoticeCard:
    cursor = _cursor(project, name)
    due = datetime.fromtimestamp(cursor.due_at, UTC).isoformat(timespec="seconds") if cursor.due_at else ""
    waiting = sum(1 for _ in _outstanding(project, name, given))
    is_trusted = has_consent(project, _section(name))
    error = cursor.error if is_trusted else f"you have not agreed to it: mlops secrets trust {_section(name)}"
    return NoticeCard(name, given.kind, given.events, cursor.seq, waiting, cursor.tries, due, error)


def _path(project: Project, name: str) -> Path:
    return _folder(project) / f"{name}.json"


def _folder(project: Project) -> Path:
    return project.state_dir / "notices"


def _lease_path(project: Project) -> Path:
    return project.state_dir / "leases" / ".notices"


if __name__ == "__main__":
    run(Project.open(Path(sys.argv[1])))
