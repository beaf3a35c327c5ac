"""Reproduce a run as far as it can be proved, and say how far that is.

Each level is evidence that a machine gathered (:mod:`workbench.experiment.levels`): R1 from what the run recorded, R2
from a fresh checkout in which every input is hashed again, R3 and R4 from replays. A replay is made only of what was
proved to be the same beforehand: a run of changed files, of an unknown commit or of data that nobody kept is *unknown*,
and says why. Hidden state does not stop a replay, since its figures show what the hidden state was worth.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path

from workbench.compute.targets import LOCAL, find_target, require_ready
from workbench.contract.job import JobCard
from workbench.contract.reproduction import Reproduction
from workbench.contract.status import CheckResult, JobState, RunState
from workbench.execute.checkout import fresh_checkout, not_replayable
from workbench.execute.replay import await_replays, dataset_versions, require_same_code, start_replay
from workbench.experiment.levels.clean import FIRST_COMMIT, judge_clean
from workbench.experiment.levels.facts import RunFacts, read_facts
from workbench.experiment.levels.judgement import LEVELS, Judgement
from workbench.experiment.levels.record import conclude, recorded
from workbench.experiment.levels.replayed import judge_replays
from workbench.experiment.levels.restorable import judge_environment, judge_inputs
from workbench.foundation.background import spawn_detached
from workbench.foundation.errors import IntegrityError, PendingError, UnknownResultError, UsageError, did_you_mean
from workbench.foundation.project import Project

_MOST_REPLAYS = 20
_COMMIT = "commit everything (git add -A && git commit), then run again"


def reproduce(
    project: Project,
    run: str,
    *,
    target: str = LOCAL,
    replays: int = 1,
    level: str = "R4",
    tolerance: float = 0.0,
    timeout_s: float = 600,
    wait: bool = False,
) -> Reproduction:
    """Run a run again from its commit, data and parameters, and say how far it can be proved.

    R1 is clean, R2 restorable, R3 replayed, R4 verified; level and evidence are kept with the run. A metric that no
    replay meets exactly still counts where it lies within the spread of two replays or more.

    Args:
        project: The project.
        run: Run id, or a unique beginning of one.
        target: Target that the replays run on.
        replays: How many replays, up to 20.
        level: Highest level to try; up to R2 nothing is run.
        tolerance: Relative and absolute difference up to which two metrics count as equal.
        timeout_s: Seconds after which the replays are cancelled.
        wait: Wait for the end; by default a process of its own does it and what is known so far comes back at once.

    Raises:
        NotFoundError: ``run-unknown`` or ``target-unknown``.
        UsageError: ``run-ambiguous``, ``level-unknown`` or ``replays-out-of-range``.
        PendingError: ``run-not-finished``.
        UnavailableError: ``target-not-ready``.
    """
    wanted = level.upper()
    if wanted not in LEVELS[1:]:
        raise UsageError("level-unknown", f"There is no level '{level}' to try", did_you_mean(wanted, LEVELS[1:]))
    if not 1 <= replays <= _MOST_REPLAYS:
        message = f"{replays} is not between 1 and {_MOST_REPLAYS} replays"
        raise UsageError("replays-out-of-range", message, "mlops reproduce <run> --replays 2")
    if not 0 <= tolerance < math.inf or not timeout_s > 0:  # within infinity any two numbers are equal
        message = "Tolerance and time are numbers, and not negative"
        raise UsageError("number-negative", message, "mlops reproduce --help")
    facts = read_facts(project, run)
    if facts.state is RunState.RUNNING:
        hint = f"wait for its end: mlops runs show {facts.run}"
        raise PendingError("run-not-finished", f"Run {facts.run[:8]} is still running", hint)
    if not wait and wanted in ("R3", "R4"):
        require_ready(find_target(project, target))
        _leave_to_process(project, facts, [target, str(replays), wanted, repr(tolerance), repr(timeout_s)])
        return recorded(project, facts)
    count = {"R1": -1, "R2": 0}.get(wanted, replays)
    return prove(project, facts, target=target, replays=count, tolerance=tolerance, timeout_s=timeout_s)


def prove(
    project: Project,
    facts: RunFacts,
    *,
    target: str,
    replays: int = 1,
    tolerance: float,
    timeout_s: float,
    isolation: str = "",
) -> Reproduction:
    """Gather the evidence for a finished run here and now, wait for its replays, and keep what they show.

    Args:
        project: The project.
        facts: The run.
        target: Target that the replays run on.
        replays: How many; with 0 its files are only laid out again, with -1 not even that.
        tolerance: Relative and absolute difference up to which two metrics count as equal.
        timeout_s: Seconds after which the replays are cancelled.
        isolation: ``required`` or ``if-possible`` where the notebook is somebody else's; empty leaves it to the target.

    Raises:
        UsageError: ``target-cannot``: it should be confined, and is to run in the project's own folder.
        UnavailableError: ``target-not-ready``.
    """
    judged = Judgement()
    jobs: tuple[JobCard, ...] = ()
    judge_clean(project, facts, judged)
    if replays >= 0:
        judge_environment(facts, judged)
        begin = partial(start_replay, project, facts, target=target, isolation=isolation)
        own = not isolation
        jobs = _restore(project, facts, judged, begin, replays=replays, timeout_s=timeout_s, is_own=own)
    done = _judge_jobs(project, facts, jobs, tolerance, judged)
    asked, came = tuple(job.id for job in jobs), tuple(replay.run for replay in done)
    proof = conclude(project, facts, judged, jobs=asked, replays=came)
    # Whoever asked for replays wants to know of those, not of earlier ones that still stand behind the level.
    return replace(proof, jobs=asked, replays=came) if replays > 0 else proof


def verify(project: Project, run: str) -> Reproduction:
    """Look anew how far a run can be proved, without running anything: R1 and R2, and what earlier replays have shown.

    A level falls when something that its evidence rests on has changed: data gone from the cache, a package, a commit,
    a figure that somebody overwrote.

    Args:
        project: The project.
        run: Run id, or a unique beginning of one.

    Raises:
        NotFoundError: ``run-unknown``.
        UsageError: ``run-ambiguous``.
        PendingError: ``run-not-finished``.
    """
    return reproduce(project, run, level="R2")


def show_evidence(project: Project, run: str) -> Reproduction:
    """Show how far a run can be proved, with the evidence that machines have gathered for it.

    Args:
        project: The project.
        run: Run id, or a unique beginning of one.

    Raises:
        NotFoundError: ``run-unknown``.
        UsageError: ``run-ambiguous``.
    """
    return recorded(project, read_facts(project, run))


def _leave_to_process(project: Project, facts: RunFacts, options: list[str]) -> None:
    log = project.state_dir / "replays.log"
    arguments = [str(project.root), facts.run, *options]
    spawn_detached("workbench.execute.reproduce_process", arguments, log=log, cwd=project.root)


def _restore(
    project: Project,
    facts: RunFacts,
    judged: Judgement,
    begin: Callable[[Path], str],
    *,
    replays: int,
    timeout_s: float,
    is_own: bool,
) -> tuple[JobCard, ...]:
    """Lay the run's files out again, hash them, and run the notebook there, each replay in a checkout of its own."""
    versions = dataset_versions(facts)
    with ExitStack() as stack:
        try:
            _require_commit(facts)
            first = stack.enter_context(fresh_checkout(project, facts.commit, versions, is_whole=replays > 0))
        except UnknownResultError as error:
            judged.unknown("R2", "inputs", error.message, error.hint)
            return ()
        except IntegrityError as error:
            judged.failed("R2", "inputs", error.message, error.hint)
            return ()
        is_same = judge_inputs(facts, first, judged, is_own=is_own)
        if not replays:
            return ()
        try:
            _require_replayable(facts, first, is_same=is_same)
        except UnknownResultError as error:
            judged.unknown("R3", "replay", error.message, error.hint)
            return ()
        more = range(replays - 1)
        others = [stack.enter_context(fresh_checkout(project, facts.commit, versions, is_whole=True)) for _ in more]
        jobs = tuple(begin(checkout) for checkout in (first, *others))
        return await_replays(project, jobs, timeout_s)


def _require_commit(facts: RunFacts) -> None:
    if not facts.commit:
        raise not_replayable("it has no Git commit", FIRST_COMMIT)


def _require_replayable(facts: RunFacts, checkout: Path, *, is_same: bool) -> None:
    if facts.is_dirty and (facts.changed is None or facts.changed - {facts.source}):
        raise not_replayable("files differed from its commit", _COMMIT)
    if not is_same:
        raise not_replayable("not every input could be restored", "mlops data snapshot <path>")
    require_same_code(facts, checkout)


def _judge_jobs(
    project: Project, facts: RunFacts, jobs: Sequence[JobCard], tolerance: float, judged: Judgement
) -> tuple[RunFacts, ...]:
    for job in jobs:
        if job.state == JobState.SUCCEEDED and job.run:
            judged.passed("R3", "replay", "The notebook runs again from a fresh checkout")
        elif job.state == JobState.FAILED:
            judged.failed(
                "R3", "replay", f"The notebook does not run again: {job.error or job.reason}", f"mlops logs {job.id}"
            )
        else:
            summary = f"Replay {job.id} ended as {job.state} {job.reason}".strip()
            judged.unknown("R3", "replay", summary, f"mlops logs {job.id}")
    done = tuple(read_facts(project, job.run) for job in jobs if job.run)
    if jobs and all(item.result == CheckResult.PASS for item in judged.of_level("R3")):
        judge_replays(facts, done, tolerance, judged)
    return done
