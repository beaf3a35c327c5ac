"""Kill or starve one step of the gate at a system call, look at what is left, and do the step again.

``python -m tests.faults.crash [--limit N]`` tries request, approve and promote: ``SIGKILL`` on entry of every system
call, and ``EIO`` and ``ENOSPC`` from every call that a disk can fail, 7,000 tries in all. Each is a forked child of a
process that has imported everything, with ``strace`` attached; every core has its share of them. What has to hold
afterwards says :func:`faults`.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.faults.scene import STEPS, Scene, build_scene
from workbench.foundation.canonical import digest_bytes
from workbench.foundation.errors import ConflictError, WorkbenchError
from workbench.foundation.journal import Journal
from workbench.foundation.project import Project
from workbench.review import decision
from workbench.serving import ledger
from workbench.serving.channel import ChannelFile
from workbench.serving.promise import verify_channel_file

DISK_CALLS = "openat,mkdir,write,pwrite64,fsync,fdatasync,rename,ftruncate,fchmod,unlink,utimensat,read,pread64"
_REPORTED = 200
"""A line for so many cases: the long form takes long."""
WRITING_CALLS = "mkdir,write,pwrite64,fsync,fdatasync,rename,ftruncate,fchmod,unlink"
FAULTS = {
    "SIGKILL": ("all", "signal=KILL"),
    "EIO": (DISK_CALLS, "error=EIO"),
    "ENOSPC": (WRITING_CALLS, "error=ENOSPC"),
}
"""What is injected: (system calls, strace's words)."""


@dataclass(frozen=True)
class Case:
    """One fault: it strikes the ``at``-th call of one kind (strace counts each kind for itself)."""

    step: str
    fault: str
    call: str
    at: int


@dataclass(frozen=True)
class Outcome:
    """What came of a step that was struck.

    Attributes:
        said: ``done``, ``refused <code>``, ``raised <error>``, or empty where it was killed.
    """

    said: str

    @property
    def is_acknowledged(self) -> bool:
        return self.said == "done"


def play(scene: Scene, step: str, strace: list[str], log: Path) -> Outcome:
    """Play a step in a forked child with ``strace`` attached, and return what it said."""
    go_out, go_in = os.pipe()
    said_out, said_in = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            _play_here(scene, step, go_out, said_in)
        finally:
            os._exit(0)
    os.close(go_out)
    os.close(said_in)
    command = ["strace", "-p", str(child), "-o", str(log), *strace]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as tracer:
        assert tracer.stderr is not None
        attached = tracer.stderr.readline()
        assert "attached" in attached, attached
        os.write(go_in, b"x")
        with os.fdopen(said_out, "rb") as stream:
            said = stream.read().decode()
        os.waitpid(child, 0)
        os.close(go_in)
    return Outcome(said)


def _play_here(scene: Scene, step: str, go: int, answer: int) -> None:
    with contextlib.suppress(OSError):  # an injected fault may strike this very call
        os.read(go, 1)
    if _is_hasty:
        os.write(answer, b"done")
    try:
        STEPS[step](scene)
        said = "" if _is_hasty else "done"
    except WorkbenchError as error:
        said = f"refused {error.code}"
    except Exception as error:  # noqa: BLE001 - whatever it was, it is told
        frame = traceback.extract_tb(error.__traceback__)[-1]
        said = f"raised {error!r} in {Path(frame.filename).name}:{frame.lineno}"
    with contextlib.suppress(OSError):
        os.write(answer, said.encode())


def find_cases(scene: Scene, step: str, fault: str, log: Path) -> list[Case]:
    """Return a case for each system call that the step makes undisturbed, in their order."""
    outcome = play(scene, step, [f"--trace={FAULTS[fault][0]}"], log)
    assert outcome.is_acknowledged, outcome
    scene.restore()
    seen, cases = Counter[str](), []
    for line in log.read_text().splitlines():
        if call := re.match(r"([a-z_0-9]+)\(", line):
            seen[call[1]] += 1
            cases.append(Case(step, fault, call[1], seen[call[1]]))
    return cases


def strike(scene: Scene, case: Case, log: Path) -> Outcome:
    """Play a step with one fault."""
    return play(scene, case.step, [f"--inject={case.call}:{FAULTS[case.fault][1]}:when={case.at}"], log)


def faults(scene: Scene, case: Case, outcome: Outcome, before: list[str]) -> Iterator[str]:
    """Say what is wrong with what a struck step left behind, and with doing it again."""
    if outcome.said.startswith("raised"):
        yield f"an error nobody worded: {outcome.said}"
    project = scene.world.as_("carol")
    try:
        yield from _left_behind(project, case.step, outcome, before)
        with contextlib.suppress(ConflictError):  # approved already: it was done before the fault, and says so
            STEPS[case.step](scene)
        yield from _left_behind(project, case.step, Outcome("done"), before)
    except WorkbenchError as error:
        yield f"doing it again: {error}"
    finally:
        project.journal.close()


def _left_behind(project: Project, step: str, outcome: Outcome, before: list[str]) -> Iterator[str]:
    project.journal.verify()
    events = project.journal.events()
    if [event.hash for event in events][: len(before)] != before:
        yield "an event that was acknowledged before is gone"
    kinds = Counter(event.kind for event in events)
    reviews, releases = project.journal.records("review"), project.journal.records("release")
    wanted = {"request": ("review.checked", reviews and reviews[0].state != "CHECKING"),
              "approve": ("review.approved", reviews and reviews[0].state == "APPROVED"),
              "promote": ("release.promoted", releases and releases[0].state == "CURRENT")}[step]  # fmt: skip
    if outcome.is_acknowledged and not (kinds[wanted[0]] == 1 and wanted[1]):
        yield f"{step} was acknowledged, and there are {kinds[wanted[0]]} {wanted[0]}"
    for record in reviews:
        approvals = sum(item["verdict"] == "approve" for item in record.body["decisions"])
        if approvals != kinds["review.approved"] or (record.state == "APPROVED") != bool(approvals):
            yield f"review is {record.state} with {approvals} approvals of {kinds['review.approved']} events"
    if len(reviews) != min(1, kinds["review.requested"]) or len(releases) != kinds["release.promoted"]:
        yield "records and events differ"
    yield from _half_promoted(project)
    for blob in (project.store.root / "blobs").rglob("*"):
        if blob.is_file() and not blob.name.startswith(".") and digest_bytes(blob.read_bytes())[7:] != blob.name:
            yield f"half a blob: {blob.name[:12]}"


def _half_promoted(project: Project) -> Iterator[str]:
    current = ledger.current_releases(project)
    if len(project.journal.records("release", state="CURRENT")) > len(current):
        yield "two releases answer on one channel"
    for path in (project.state_dir / "channels").glob("*.json"):
        try:
            file = ChannelFile.parse(path.read_bytes())
            verify_channel_file(project, file, path.stem)
        except WorkbenchError as error:
            yield f"half-promoted: {error}"
            continue
        if path.stem not in current or file != ledger.channel_file(current[path.stem]):
            yield "half-promoted: the channel file is of another release"


def spread(cases: list[Case], limit: int) -> list[Case]:
    """Return at most ``limit`` cases, evenly from the first to the last."""
    if not limit or len(cases) <= limit:
        return cases
    return [cases[round(i * (len(cases) - 1) / (limit - 1))] for i in range(limit)]


def run(
    folder: Path, limit: int, planted: str = "", steps: tuple[str, ...] = tuple(STEPS), share: tuple[int, int] = (0, 1)
) -> dict[str, Any]:
    """Try every case of every step, or ``limit`` a step and fault; return the figures.

    Args:
        folder: Where the project is built.
        limit: Cases for each step and fault; 0 tries all.
        planted: A bug of :data:`PLANTED`, which ends at the first case that shows it.
        steps: Steps that are struck; the others are only played.
        share: Which of how many parts of the cases.
    """
    began = time.monotonic()
    scene, log = build_scene(folder), folder / "strace.log"
    if planted:
        PLANTED[planted][0]()
    cases, wrong, said = 0, [], Counter[str]()
    for step, play_step in STEPS.items():
        play_step(scene)  # imports what it needs, so that children do not
        gc.collect()  # and closes its connections, which a child must not inherit
        scene.restore()
        before = _hashes(scene)
        for fault in FAULTS if step in steps else ():
            if planted and fault != PLANTED[planted][1]:
                continue
            cases_here = spread(find_cases(scene, step, fault, log), limit)[share[0] :: share[1]]
            for case in reversed(cases_here) if planted else cases_here:  # what is planted strikes late
                outcome = strike(scene, case, log)
                found = list(faults(scene, case, outcome, before))
                gc.collect()
                scene.restore()
                cases += 1
                said[f"{fault}: {outcome.said.partition(' ')[0] or 'killed'}"] += 1
                wrong += [f"{case}: {words}" for words in found]
                if cases % _REPORTED == 0:
                    print(f"{cases} faults, {len(wrong)} wrong, at {case}", file=sys.stderr, flush=True)
                if planted and wrong:
                    return _figures(began, cases, wrong, said)
        play_step(scene)
        gc.collect()
        scene.keep()
    return _figures(began, cases, wrong, said)


def run_shares(limit: int, planted: str, steps: str, workers: int) -> dict[str, Any]:
    """Try the cases in so many processes at once, each with a project of its own, and add their figures up."""
    command = [sys.executable, "-m", __spec__.name, "--json", f"--limit={limit}", f"--planted={planted}"]
    running = [
        subprocess.Popen([*command, f"--steps={steps}", f"--share={part}/{workers}"], stdout=subprocess.PIPE)
        for part in range(workers)
    ]
    said = [process.communicate()[0] for process in running]
    assert not any(process.returncode for process in running), [process.returncode for process in running]
    found = [json.loads(words) for words in said]
    added: dict[str, Any] = {name: sum(each[name] for each in found) for name in ("cases", "lost", "half")}
    kinds = sum((Counter(each["said"]) for each in found), Counter[str]())
    wrong = [words for each in found for words in each["wrong"]]
    return {**added, "wrong": wrong, "said": dict(sorted(kinds.items())), "s": max(each["s"] for each in found)}


def _figures(began: float, cases: int, wrong: list[str], said: Counter[str]) -> dict[str, Any]:
    lost = sum("acknowledged" in words for words in wrong)
    half = sum("half-promoted" in words or "two releases" in words for words in wrong)
    seconds = round(time.monotonic() - began, 1)
    return {
        "cases": cases,
        "lost": lost,
        "half": half,
        "wrong": wrong,
        "said": dict(sorted(said.items())),
        "s": seconds,
    }


def _hashes(scene: Scene) -> list[str]:
    journal = Journal(f"sqlite:///{scene.world.root}/.workbench/journal.db")
    try:
        return [event.hash for event in journal.events()]
    finally:
        journal.close()


def _plant_in_place() -> None:
    ledger.write_atomic = lambda path, data: (path.parent.mkdir(exist_ok=True), path.write_bytes(data))


def _plant_two_transactions() -> None:
    real = decision.save

    def save_later(transaction, review):
        transaction._connection.exec_driver_sql("COMMIT")
        transaction._connection.exec_driver_sql("BEGIN IMMEDIATE")
        real(transaction, review)

    decision.save = save_later


def _plant_early_answer() -> None:
    global _is_hasty  # noqa: PLW0603 - of this process, which plants one bug and ends
    _is_hasty = True


_is_hasty = False
PLANTED = {
    "the channel file is written in place": (_plant_in_place, "ENOSPC"),
    "the record follows its event in another transaction": (_plant_two_transactions, "SIGKILL"),
    "it answers before it has written": (_plant_early_answer, "SIGKILL"),
}
"""Bugs that the harness has to see before it is believed, and the fault that shows each."""


def main() -> int:
    """Print the figures; 1 where anything was lost, half done or not worded."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--limit", type=int, default=0)
    parser.add_argument("--planted", default="")
    parser.add_argument("--steps", default=",".join(STEPS))
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--share", default="")
    given = parser.parse_args()
    found = run_shares(given.limit, given.planted, given.steps, given.workers) if not given.share else _run_here(given)
    if given.json:
        sys.stdout.write(json.dumps(found))
        return 0
    for words in found["wrong"]:
        print(words)
    print(f"{found['cases']} faults in {found['s']} s: {found['said']}")
    print(f"acknowledged events lost: {found['lost']}; half-promoted models: {found['half']}")
    return int(bool(found["wrong"]))


def _run_here(given: argparse.Namespace) -> dict[str, Any]:
    part, _, parts = given.share.partition("/")
    # The faults are injected, so the disk itself is not needed, and its fsyncs would take most of the time.
    memory = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with tempfile.TemporaryDirectory(prefix="wb-crash-", dir=memory) as folder:
        steps, share = tuple(given.steps.split(",")), (int(part), int(parts))
        return run(Path(folder).resolve(), given.limit, given.planted, steps, share)


if __name__ == "__main__":
    sys.exit(main())
