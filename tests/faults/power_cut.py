"""Cut the power under the journal and see whether anything that was acknowledged is gone.

The real journal and the real ledger of releases run on SQLite over a disk that exists in memory only (an apsw VFS). A
write is on that disk once ``xSync`` has returned; at the cut, of what was written since, any part may have arrived: in
any order, and torn at a sector. What survives is written to real files and opened by the ordinary journal.

``python -m tests.faults.power_cut [--cuts N] [--planted]`` prints the figures.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import apsw
import sqlalchemy as sa

from workbench.contract.status import ReleaseState
from workbench.foundation import journal as journal_module
from workbench.foundation.errors import WorkbenchError
from workbench.foundation.journal import Journal
from workbench.review.proof.grant import Grant
from workbench.serving import ledger
from workbench.serving.ledger import Promotion

SECTOR_B = 512
NAME = "journal.db"
CHANNEL = "faults@production"


class PowerCutError(Exception):
    """The disk does not answer any more."""


@dataclass
class SimulatedFile:
    """A file: what is on the platter, what its readers see, and what was written since the last sync."""

    durable: bytes = b""
    seen: bytearray = field(default_factory=bytearray)
    pending: list[tuple[int, bytes]] = field(default_factory=list)

    def survive(self, chance: random.Random) -> bytes:
        """Return what is there after the cut: any of the pending writes, some of them torn."""
        image = bytearray(self.durable)
        for offset, data in self.pending:
            fate = chance.random()
            if fate < 0.4:
                continue
            kept = data if fate < 0.8 else data[: chance.randrange(0, len(data) + 1) // SECTOR_B * SECTOR_B]
            if len(image) < offset:
                image.extend(bytes(offset - len(image)))
            image[offset : offset + len(kept)] = kept
        return bytes(image)


@dataclass
class Disk:
    """Files by name, the write or sync at which the power goes, and the files as they were at that moment."""

    files: dict[str, SimulatedFile] = field(default_factory=dict)
    cut_at: int = 0
    calls: int = 0
    dark: dict[str, SimulatedFile] | None = None
    is_over: bool = False

    def tick(self) -> None:
        """Count a write or a sync; the power goes at the one that was chosen, and stays off."""
        self.calls += 1
        if self.cut_at and self.calls >= self.cut_at and not self.is_over:
            self.dark = self.dark or deepcopy(self.files)
            raise PowerCutError

    def survive(self, chance: random.Random) -> dict[str, bytes]:
        """Return the files that are there when the power is back; without a cut all that was written."""
        if self.dark is None:
            return {name: bytes(file.seen) for name, file in self.files.items()}
        return {name: file.survive(chance) for name, file in self.dark.items()}


class DiskFile:
    """An open file of a :class:`Disk`, as SQLite asks for it."""

    def __init__(self, disk: Disk, file: SimulatedFile) -> None:
        self.disk, self.file = disk, file

    def xRead(self, amount: int, offset: int) -> bytes:  # noqa: N802 - SQLite's names
        return bytes(self.file.seen[offset : offset + amount])

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        self.disk.tick()
        if len(self.file.seen) < offset:
            self.file.seen.extend(bytes(offset - len(self.file.seen)))
        self.file.seen[offset : offset + len(data)] = data
        self.file.pending.append((offset, bytes(data)))

    def xTruncate(self, size: int) -> None:  # noqa: N802
        self.disk.tick()
        del self.file.seen[size:]
        self.file.durable = self.file.durable[:size]
        self.file.pending = [(o, d) for o, d in self.file.pending if o < size]

    def xSync(self, _flags: int) -> None:  # noqa: N802
        self.disk.tick()
        self.file.durable, self.file.pending = bytes(self.file.seen), []

    def xFileSize(self) -> int:  # noqa: N802
        return len(self.file.seen)

    def xSectorSize(self) -> int:  # noqa: N802
        return SECTOR_B

    def xDeviceCharacteristics(self) -> int:  # noqa: N802
        return 0  # promises nothing

    def xFileControl(self, _op: int, _pointer: int) -> bool:  # noqa: N802
        return False

    def xCheckReservedLock(self) -> bool:  # noqa: N802
        return False

    def xLock(self, _level: int) -> None: ...  # noqa: N802 - one connection only
    def xUnlock(self, _level: int) -> None: ...  # noqa: N802
    def xClose(self) -> None: ...  # noqa: N802


class DiskVfs(apsw.VFS):
    """The file system of a :class:`Disk`."""

    def __init__(self, name: str, disk: Disk) -> None:
        super().__init__(name, base="")
        self.disk = disk

    def xOpen(self, name: Any, flags: list[int]) -> DiskFile:  # noqa: N802
        path = name.filename() if isinstance(name, apsw.URIFilename) else str(name)
        flags[1] = flags[0]
        return DiskFile(self.disk, self.disk.files.setdefault(Path(path).name, SimulatedFile()))

    def xDelete(self, path: str, _is_synced: bool) -> None:  # noqa: N802
        self.disk.files.pop(Path(path).name, None)

    def xAccess(self, path: str, _flags: int) -> bool:  # noqa: N802
        return Path(path).name in self.disk.files

    def xFullPathname(self, path: str) -> str:  # noqa: N802
        return path


class Cursor:
    """As much of PEP 249's cursor as SQLAlchemy needs."""

    arraysize = 1
    lastrowid = None

    def __init__(self, connection: apsw.Connection, planted: bool) -> None:
        self.cursor, self.planted, self.rowcount = connection.cursor(), planted, -1
        self.description: Any = None
        self.cursor.exec_trace = self._describe

    def execute(self, sql: str, values: Any = ()) -> Cursor:
        if self.planted:
            sql = sql.replace("synchronous=FULL", "synchronous=NORMAL")
        try:
            self.rows = list(self.cursor.execute(sql, values))
        except apsw.Error as error:
            raise OperationalError(str(error)) from error
        return self

    def _describe(self, cursor: apsw.Cursor, _sql: str, _values: Any) -> bool:
        """Note the columns before the first row: apsw forgets them after the last."""
        self.description = [(column[0], *[None] * 6) for column in cursor.get_description()] or None
        return True

    def fetchone(self) -> Any:
        return self.rows.pop(0) if self.rows else None

    def fetchall(self) -> list[Any]:
        rows, self.rows = self.rows, []
        return rows

    def fetchmany(self, size: int = 1) -> list[Any]:
        rows, self.rows = self.rows[:size], self.rows[size:]
        return rows

    def close(self) -> None: ...


class Connection:
    """As much of PEP 249's connection as SQLAlchemy and the journal need."""

    isolation_level: str | None = ""

    def __init__(self, vfs: str, planted: bool) -> None:
        self.apsw, self.planted = apsw.Connection(NAME, vfs=vfs), planted
        self.apsw.execute("PRAGMA locking_mode=EXCLUSIVE")  # WAL without shared memory, which a VFS in Python lacks

    def cursor(self) -> Cursor:
        return Cursor(self.apsw, self.planted)

    def create_function(self, *_arguments: Any, **_options: Any) -> None: ...

    def commit(self) -> None:
        if self.apsw.in_transaction:
            self.cursor().execute("COMMIT")

    def rollback(self) -> None:
        if self.apsw.in_transaction:
            self.cursor().execute("ROLLBACK")

    def close(self) -> None:
        self.apsw.close()


class Error(Exception):
    """PEP 249."""


class DatabaseError(Error):
    """PEP 249."""


class OperationalError(DatabaseError):
    """PEP 249."""


DBAPI = SimpleNamespace(
    paramstyle="qmark",
    sqlite_version_info=tuple(map(int, apsw.sqlite_lib_version().split("."))),
    sqlite_version=apsw.sqlite_lib_version(),
    Error=Error,
    DatabaseError=DatabaseError,
    OperationalError=OperationalError,
    **{name: type(name, (DatabaseError,), {}) for name in ("IntegrityError", "ProgrammingError", "NotSupportedError")},
    **{name: type(name, (DatabaseError,), {}) for name in ("InterfaceError", "DataError", "InternalError")},
)


@contextmanager
def journal_on(disk: Disk, *, planted: bool) -> Iterator[Journal]:
    """Give the real journal on a simulated disk."""
    vfs = DiskVfs(f"disk-{id(disk)}", disk)
    real = sa.create_engine

    def create_engine(url: Any) -> sa.Engine:
        return real(url, module=DBAPI, creator=lambda: Connection(f"disk-{id(disk)}", planted))

    with mock.patch.object(journal_module.sa, "create_engine", create_engine):
        journal = Journal(f"sqlite:///{NAME}", actor="a@example.com")
    try:
        yield journal
    finally:
        disk.is_over = True  # closing writes as well; nobody hears of it any more
        journal.close()
        vfs.unregister()


def promote(journal: Journal, number: int) -> None:
    """Release model number so-and-so, as the ledger does it: one event, one record replaced by another."""
    digest = f"sha256:{number:064x}"
    grant = Grant(f"rv-{number:08x}", "faults", "production", CHANNEL, digest, digest, digest, "a", "a", ())
    project: Any = SimpleNamespace(journal=journal, actor="a@example.com")
    ledger.promote(
        project, Promotion(grant, "run", ("b",), "local-signed"), "release.promoted", ReleaseState.SUPERSEDED
    )


def base_image(folder: Path, releases: int) -> bytes:
    """Return the bytes of a journal that holds some releases already."""
    journal = Journal(f"sqlite:///{folder / NAME}")
    for number in range(releases):
        promote(journal, number)
    journal.close()  # the last to close it writes everything into the one file
    return (folder / NAME).read_bytes()


def cut_once(image: bytes, seed: int, *, planted: bool, folder: Path, before: int) -> list[str]:
    """Release until the power goes, and return what is wrong with what is left."""
    chance = random.Random(seed)
    disk = Disk({NAME: SimulatedFile(image, bytearray(image))}, cut_at=chance.randrange(5, 120))
    acknowledged = before + release_until_dark(disk, before, planted=planted)
    for path in folder.glob(f"{NAME}*"):
        path.unlink()
    for name, survived in disk.survive(chance).items():
        if survived:
            (folder / name).write_bytes(survived)
    return list(wrong_after(folder, acknowledged))


def release_until_dark(disk: Disk, before: int, *, planted: bool) -> int:
    """Release until the disk does not answer (60 times where it always does), and return how often it was confirmed."""
    acknowledged = 0
    with journal_on(disk, planted=planted) as journal:
        try:
            for number in range(before, before + 60):
                promote(journal, number)
                acknowledged += 1
        except (WorkbenchError, sa.exc.SQLAlchemyError, PowerCutError, apsw.Error, Error) as error:
            assert disk.dark is not None, error
    return acknowledged


def wrong_after(folder: Path, acknowledged: int) -> Iterator[str]:
    """Say what is wrong with a journal that was cut."""
    journal = Journal(f"sqlite:///{folder / NAME}")
    try:
        head = journal.verify()
        if head.seq < acknowledged:
            yield f"{acknowledged - head.seq} acknowledged events lost"
        if head.seq > acknowledged + 1:
            yield "events that nobody wrote"
        releases = journal.records("release")
        current = [record for record in releases if record.state == "CURRENT"]
        if len(releases) != head.seq or len(current) != 1 or int(current[0].body["version"]) != head.seq:
            yield f"half-promoted: {len(releases)} releases, {len(current)} current, {head.seq} events"
    except WorkbenchError as error:
        yield f"unreadable, so all lost: {error}"
    finally:
        journal.close()


def run(cuts: int, *, planted: bool = False, seed: int = 0) -> dict[str, Any]:
    """Cut so many times; a planted bug ends at the first loss."""
    began, wrong = time.monotonic(), []
    with tempfile.TemporaryDirectory(prefix="wb-power-") as name:
        folder = Path(name)
        image = base_image(folder, 3)
        for number in range(cuts):
            found = cut_once(image, seed + number, planted=planted, folder=folder, before=3)
            wrong += [f"cut {seed + number}: {words}" for words in found]
            if planted and wrong:
                cuts = number + 1
                break
    lost = sum("lost" in words for words in wrong)
    half = sum("half-promoted" in words for words in wrong)
    return {"cuts": cuts, "lost": lost, "half": half, "wrong": wrong, "s": round(time.monotonic() - began, 1)}


def main() -> int:
    """Print the figures; 1 where anything was lost (with ``--planted``: where nothing was)."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--cuts", type=int, default=2000)
    parser.add_argument("--planted", action="store_true")
    given = parser.parse_args()
    found = run(given.cuts, planted=given.planted)
    for words in found["wrong"]:
        print(words)
    print(
        f"{found['cuts']} power cuts in {found['s']} s: {found['lost']} with lost events, {found['half']} half-promoted"
    )
    return int(bool(found["wrong"]) != given.planted)


if __name__ == "__main__":
    sys.exit(main())
