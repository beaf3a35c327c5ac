"""Follow the jobs of one far target: send them, see how they stand, bring them home.

``Following.run`` is the whole story; each step may be cut off by ``kill -9`` and is done again by the next follower.

* **Send.** ``Target.submit`` is idempotent; ``sent.json`` only saves asking again. Trials of a sweep that start
  together go in one order where the target takes arrays.
* **Look.** ``Target.poll`` answers for all jobs at once. Metrics go into the run's append log *before* the events are
  appended to ``events.jsonl``, whose last number is the cursor: delivering a metric twice doubles nothing, losing one
  would.
* **Bring home.** Files first, then the MLflow run, then the journal.
* **Put away.** The far side is cleaned up, however the job ended; where it is away, later (:mod:`.leftovers`).

Sending and bringing home may take long; they are done in other threads, so that the other jobs are still seen.
"""

from __future__ import annotations

import json
import threading
import time
import traceback
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, cast

from workbench.compute.folder import JobFolder, attempt_of, read_json
from workbench.compute.targets import ArrayTarget, Sighting, Target, TargetStatus, Travel, find_target, target_sections
from workbench.contract.status import JobState
from workbench.execute import ledger, leftovers
from workbench.execute.books import PUT_AWAY_S, Books, show
from workbench.execute.gathering import Gathering
from workbench.execute.mirror import Mirror
from workbench.foundation.canonical import canonical_json
from workbench.foundation.durable import write_atomic
from workbench.foundation.errors import (
    FailedError,
    PendingError,
    StorageError,
    UnavailableError,
    WorkbenchError,
)
from workbench.foundation.project import Project

_RUNNING_S, _WAITING_S, _AWAY_S = 0.2, 1.0, 5.0
"""Seconds between two looks: while a job runs, while all of them wait, while the target does not answer."""
_LONG_AWAY_S = 600.0
_WORKERS = 4
RESULTS = (
    *("output.ipynb", "exit.json", "inputs.json", "log.txt", "far.db"),
    *("captured/*", "artifacts/**", "tracked/**", "outputs/**"),
)
"""What comes home at the end of a job."""


class Following:
    """One target and the executions on it that are followed.

    Attributes:
        is_busy: Whether there is anything to do or under way.
        section: What ``workbench.toml`` said of the target when this began; with another one another begins.
    """

    def __init__(self, project: Project, name: str) -> None:
        self._project = project
        self._name = name
        self._target: Target | None = None
        self.section = target_sections(project).get(name)
        self._jobs: dict[str, Mirror] = {}
        self._ended: set[str] = set()
        self._under_way: dict[str, Future[None]] = {}
        self._wanted: frozenset[str] = frozenset()
        self._left: frozenset[str] = frozenset()
        self._books = Books(project, name)
        self._gathering = Gathering()
        self._wake = threading.Event()
        self._is_stopped = False
        self._away_since = 0.0
        self._pool = ThreadPoolExecutor(_WORKERS, thread_name_prefix=f"wb-carry-{name}")
        self.is_busy = True

    def assign(self, executions: Iterable[str], left: Iterable[str] = ()) -> None:
        """Say which executions are to be followed now, and which ended ones put away; a new one is seen to at once."""
        wanted, self._left = frozenset(executions), frozenset(left)
        if wanted - self._wanted:
            self._wake.set()
        self._wanted = wanted
        self.is_busy = bool(wanted - self._ended) or bool(self._left) or bool(self._under_way)

    @property
    def has_work(self) -> bool:
        """Whether something is being sent or brought home: nobody else may look after those jobs meanwhile."""
        return any(not future.done() for future in self._under_way.values())

    def stop(self) -> None:
        """Let the thread end after its present look."""
        self._is_stopped = True
        self._wake.set()

    def close(self) -> None:
        """Wait for what is under way; afterwards this touches no job any more."""
        self.stop()
        self._pool.shutdown(wait=True)

    def run(self) -> None:
        """Follow until stopped; what goes wrong with one job is written down and hurts no other."""
        while not self._is_stopped:
            try:
                self._target = self._target or find_target(self._project, self._name)
                pause_s = self._look(self._target)
            except WorkbenchError as error:
                print(f"{self._name}: {error.message}", flush=True)  # noqa: T201 -- into follower.log
                pause_s = _AWAY_S
                if self._target is None:
                    self._has_no_target(error)
            except Exception:  # noqa: BLE001 -- a fault of ours in one look must not end all looking
                traceback.print_exc()
                pause_s = _AWAY_S
            self._wake.wait(pause_s)
            self._wake.clear()

    def _look(self, target: Target) -> float:
        """Take one look at all jobs and return how long to wait for the next."""
        self._gather()
        for execution in self._idle(lambda mirror: mirror.is_superseded):
            self._begin(execution, self._abandon, target, execution)
        due = self._idle(lambda mirror: not mirror.folder.sent.exists())
        for batch in self._gathering.batches(target, {execution: self._jobs[execution].folder for execution in due}):
            if len(batch) == 1:
                self._begin(batch[0], self._send, target, batch[0])
            else:
                together = self._pool.submit(self._guard, batch[0], self._send_together, target, batch)
                self._under_way |= dict.fromkeys(batch, together)
        for execution in self._idle(lambda mirror: mirror.is_to_be_cancelled):
            self._begin(execution, self._cancel, target, execution)
        for execution in self._left - self._jobs.keys() - self._under_way.keys():
            self._under_way[execution] = self._pool.submit(self._put_away, target, execution)
        sent = [name for name, mirror in self._jobs.items() if mirror.folder.sent.exists() and not mirror.is_superseded]
        asked = {execution: self._jobs[execution].seq for execution in sent if not self._is_homing(execution)}
        if not asked:
            return _WAITING_S if not self._under_way else _RUNNING_S
        try:
            sightings = target.poll(asked)
        except UnavailableError as error:
            self._is_away(target, asked, error)
            return self._away_pause_s()
        self._away_since = 0.0
        for execution in asked:
            if execution in sightings:
                self._guard(execution, self._take, target, execution, sightings[execution])
        is_any_running = any(sighting.status.state is JobState.RUNNING for sighting in sightings.values())
        return _RUNNING_S if is_any_running else _WAITING_S

    def _gather(self) -> None:
        """Bring the list of jobs up to date with what was assigned and what has been done."""
        self._under_way = {name: future for name, future in self._under_way.items() if not future.done()}
        for execution in self._wanted - self._jobs.keys() - self._ended:
            self._jobs[execution] = Mirror(JobFolder.of(self._project, execution))
        done = (self._jobs.keys() - self._wanted) | self._ended
        for execution in done & self._jobs.keys() - self._under_way.keys():
            del self._jobs[execution]
        last: dict[str, int] = {}
        for job, attempt in map(attempt_of, self._jobs):
            last[job] = max(attempt, last.get(job, 0))
        for execution, mirror in self._jobs.items():
            job, attempt = attempt_of(execution)
            mirror.is_superseded = attempt < last[job]

    def _idle(self, is_due: Callable[[Mirror], bool]) -> list[str]:
        return [name for name, mirror in self._jobs.items() if name not in self._under_way and is_due(mirror)]

    def _is_homing(self, execution: str) -> bool:
        return execution in self._under_way and self._jobs[execution].is_homing

    def _begin(self, execution: str, step: Callable[..., None], *arguments: Any) -> None:
        self._under_way[execution] = self._pool.submit(self._guard, execution, step, *arguments)

    def _guard(self, execution: str, step: Callable[..., None], *arguments: Any) -> None:
        """Carry out one step for one job; silence and what is slow are waited out, a refusal ends the job."""
        try:
            try:
                step(*arguments)
            except (UnavailableError, PendingError, StorageError):
                raise
            except WorkbenchError as error:
                self._refuse(execution, error)
        except WorkbenchError as error:  # silence, slowness, or this machine's own disk: the next look tries again
            if isinstance(error, UnavailableError):
                show(self._jobs[execution], is_reachable=False)
            print(f"{execution}: {error.message}", flush=True)  # noqa: T201 -- into follower.log
            time.sleep(_WAITING_S)
        except Exception:  # noqa: BLE001 -- a fault of ours in one job must not leave fifty others alone
            traceback.print_exc()
            time.sleep(_AWAY_S)

    def _refuse(self, execution: str, error: WorkbenchError) -> None:
        """End a job that cannot go on for a reason that stays; nothing of it is left running over there."""
        if self._target and self._jobs[execution].may_run:
            self._target.cancel(execution, 0.0)
        what = f"{type(error).__name__}: {error.message}"
        self._end(execution, TargetStatus(JobState.FAILED, error.code, what))
        if self._target and self._jobs[execution].may_run:
            self._put_away(self._target, execution)

    def _send(self, target: Target, execution: str) -> None:
        if not self._prepare(target, execution):
            return
        try:
            target.submit(execution)
        except StorageError as error:  # of the far side: no waiting here makes room there
            raise FailedError(error.code, error.message, error.hint) from error
        self._note_sent(execution)

    def _send_together(self, target: Target, executions: tuple[str, ...]) -> None:
        """Send trials of a sweep in one order; where that is refused, each is sent alone and told its own reason."""
        ready = [execution for execution in executions if self._prepare(target, execution)]
        try:
            cast("ArrayTarget", target).submit_many(ready)
        except UnavailableError:
            raise
        except WorkbenchError:
            self._gathering.part(executions)
        else:
            for execution in ready:
                self._note_sent(execution)

    def _prepare(self, target: Target, execution: str) -> bool:
        """Make an execution ready to be sent; False where it was cancelled before."""
        mirror, folder = self._jobs[execution], self._jobs[execution].folder
        if folder.cancel.exists():
            if mirror.may_run:
                target.cancel(execution, 0.0)
            self._end(execution, TargetStatus(JobState.CANCELLED, "cancelled"))
            if mirror.may_run:
                self._put_away(target, execution)
            return False
        spec = read_json(folder.spec) or {}
        if spec.get("tracking", {}).get("uri") and not spec["tracking"].get("run"):
            # The far kernel writes into the run by itself: it has to be there first, and travels by name.
            spec["tracking"]["run"] = self._books.begin_run(self._jobs[execution])
            write_atomic(folder.spec, json.dumps(spec, indent=1, ensure_ascii=False).encode())
        write_atomic(folder.sending, canonical_json({"at": time.time()}))
        return True

    def _note_sent(self, execution: str) -> None:
        write_atomic(self._jobs[execution].folder.sent, canonical_json({"at": time.time()}))

    def _cancel(self, target: Target, execution: str) -> None:
        mirror = self._jobs[execution]
        asked = read_json(mirror.folder.cancel) or {}
        target.cancel(execution, asked.get("grace_s"))
        mirror.is_cancelled = True

    def _abandon(self, target: Target, execution: str) -> None:
        """End an attempt that was given up while its machine was silent: the next must not run beside a ghost."""
        mirror = self._jobs[execution]
        status = target.status(execution)
        target.cancel(execution, 0.0)
        leftovers.note(self._project, execution, self._name, in_s=PUT_AWAY_S)
        ledger.record_refused(self._project, execution, status)
        write_atomic(mirror.folder.abandoned, canonical_json({"at": time.time()}))
        self._ended.add(execution)
        self._put_away(target, execution)

    def _take(self, target: Target, execution: str, sighting: Sighting) -> None:
        """Take in what one look brought."""
        status, mirror = sighting.status, self._jobs[execution]
        mirror.is_lost = False
        if status.state is JobState.QUEUED:
            ledger.record_queued(self._project, execution, status.reason)
        if sighting.events or status.state is JobState.RUNNING:
            self._books.take_events(mirror, sighting.events)
        if status.state.is_terminal:
            mirror.is_homing = True
            self._begin(execution, self._bring_home, target, execution, status)
        else:
            show(mirror, status)

    def _bring_home(self, target: Target, execution: str, status: TargetStatus) -> None:
        """Fetch what a job left and write its end: files, then MLflow, then the journal."""
        mirror = self._jobs[execution]
        try:
            if self._books.counts(mirror):
                self._books.take_events(mirror, target.events(execution, mirror.seq))  # said between look and end
                target.fetch(execution, RESULTS)
                self._books.take_in(mirror, status)
            self._end(execution, mirror.last_word(status))
            self._put_away(target, execution)
        finally:
            mirror.is_homing = False

    def _put_away(self, target: Target, execution: str) -> None:
        """Let the far side put away what it still has of a job that has ended; where that fails, try again later."""
        try:
            target.cleanup(execution)
        except WorkbenchError as error:
            print(f"{execution}: {error.message}", flush=True)  # noqa: T201 -- into follower.log
            leftovers.put_off(self._project, execution)
        except Exception:  # noqa: BLE001 -- a fault of ours here must not be tried again at once, and for ever
            traceback.print_exc()
            leftovers.put_off(self._project, execution)
        else:
            leftovers.forget(self._project, execution)

    def _end(self, execution: str, status: TargetStatus) -> None:
        """Write an end, and follow no longer."""
        self._books.end(self._jobs[execution], status)
        self._ended.add(execution)

    def _is_away(self, target: Target | None, asked: Iterable[str], error: WorkbenchError) -> None:
        """Show that the target does not answer; after a long time its jobs are LOST, which is not FAILED."""
        now = time.monotonic()
        self._away_since = self._away_since or now
        travel = (target.travel if target else None) or Travel()
        is_lost = now - self._away_since > travel.lost_after_s
        for execution in asked:
            show(self._jobs[execution], is_reachable=False)
            if is_lost:
                self._books.end_as_lost(self._jobs[execution], error.message)

    def _away_pause_s(self) -> float:
        away_s = time.monotonic() - self._away_since
        return _WAITING_S if away_s < _AWAY_S else _AWAY_S if away_s < _LONG_AWAY_S else 12 * _AWAY_S

    def _has_no_target(self, error: WorkbenchError) -> None:
        """End the jobs that were never sent to a target that cannot be used; what runs there is out of reach."""
        self._gather()
        sent = [name for name, mirror in self._jobs.items() if mirror.may_run and not mirror.is_superseded]
        for execution in self._jobs.keys() - sent:
            self._end(execution, TargetStatus(JobState.FAILED, error.code, error.message))
        self._is_away(None, sent, error)
        for execution in self._left:
            leftovers.put_off(self._project, execution)
