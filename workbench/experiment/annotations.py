"""What people add to a run afterwards: tags, a note, a star; and deleting, which can be undone.

All of it is MLflow's own (tags, ``mlflow.note.content``, the deleted stage), so MLflow's pages show the same.
"""

from __future__ import annotations

from collections.abc import Iterable

from workbench.contract.run import RunCard, RunDetail
from workbench.contract.status import RunState
from workbench.experiment.reap import reap_dead_runs
from workbench.experiment.runs import cards_of, find_run, rows_of, show_run
from workbench.experiment.store import tracking
from workbench.experiment.store.refusals import MAX_TAG_LENGTH, check_key
from workbench.experiment.store.removal import remove_tags, set_deleted
from workbench.foundation.errors import ConflictError, UsageError
from workbench.foundation.lock import hold_lock
from workbench.foundation.project import Project

NOTE_TAG = "mlflow.note.content"
STAR_TAG = "workbench.starred"
_RESERVED = ("workbench.", "mlflow.")
_RESTING_NOUNS = ("review", "release")
"""Records that rest on a run for good: what was decided must stay to be looked at."""


def tag_run(project: Project, run: str, tags: dict[str, str]) -> RunDetail:
    """Set tags of a run; an empty value removes the tag.

    Args:
        project: The project.
        run: Run id, or a unique beginning of one.
        tags: Values by name.

    Raises:
        NotFoundError: ``run-unknown``.
        UsageError: ``run-ambiguous``, ``tag-reserved``, ``tag-too-long`` or ``tracking-refused``.
    """
    found = find_run(project, run)
    for key, value in tags.items():
        check_key(key)
        if key.startswith(_RESERVED):
            hint = f"choose another name, or: mlops runs note {run[:12]} 'text'"
            raise UsageError("tag-reserved", f"Tags that begin with '{key.split('.')[0]}.' are facts", hint)
        if len(value) > MAX_TAG_LENGTH:
            raise UsageError("tag-too-long", f"A tag has at most {MAX_TAG_LENGTH} characters", "write a note instead")
    if new := {key: value for key, value in tags.items() if value}:
        tracking.set_tags(project, found, new)
    if gone := tuple(key for key, value in tags.items() if not value):
        remove_tags(project, found, gone)
    return show_run(project, found)


def note_run(project: Project, run: str, text: str) -> RunCard:
    """Write what is worth knowing about a run, in Markdown; MLflow's pages show it too. Empty text removes it.

    Args:
        project: The project.
        run: Run id, or a unique beginning of one.
        text: The whole note; it takes the place of the one before.

    Raises:
        NotFoundError: ``run-unknown``.
        UsageError: ``run-ambiguous`` or ``tag-too-long``.
    """
    found = find_run(project, run)
    if len(text) > MAX_TAG_LENGTH:
        raise UsageError("tag-too-long", f"A note has at most {MAX_TAG_LENGTH} characters", "keep the long text in Git")
    if text:
        tracking.set_tags(project, found, {NOTE_TAG: text})
    else:
        remove_tags(project, found, (NOTE_TAG,))
    return cards_of(project, (found,))[0]


def star_runs(project: Project, runs: tuple[str, ...]) -> tuple[RunCard, ...]:
    """Star runs, to find them again: ``mlops runs starred``.

    Args:
        project: The project.
        runs: Run ids, or unique beginnings of them.

    Raises:
        NotFoundError: ``run-unknown``.
        UsageError: ``run-ambiguous``.
    """
    found = tuple(find_run(project, run) for run in runs)
    for run in found:
        tracking.set_tags(project, run, {STAR_TAG: "true"})
    return cards_of(project, found)


def unstar_runs(project: Project, runs: tuple[str, ...]) -> tuple[RunCard, ...]:
    """Take stars off runs.

    Args:
        project: The project.
        runs: Run ids, or unique beginnings of them.

    Raises:
        NotFoundError: ``run-unknown``.
        UsageError: ``run-ambiguous``.
    """
    found = tuple(find_run(project, run) for run in runs)
    for run in found:
        remove_tags(project, run, (STAR_TAG,))
    return cards_of(project, found)


def delete_runs(project: Project, runs: tuple[str, ...]) -> tuple[RunCard, ...]:
    """Delete runs: they leave the lists, and come back with ``mlops runs undelete``.

    Their artifacts stay until ``mlops gc --yes`` frees them, by default 30 days later. Either all runs are deleted or,
    where one is refused, none.

    Args:
        project: The project.
        runs: Run ids, or unique beginnings of them.

    Raises:
        NotFoundError: ``run-unknown``.
        ConflictError: ``run-running``, or ``run-in-use``: a review or a release rests on it.
        UsageError: ``run-ambiguous``.
    """
    reap_dead_runs(project)
    cards = cards_of(project, runs)
    for card in cards:
        if card.state == RunState.RUNNING:
            hint = f"wait for its end: mlops runs show {card.id[:12]}"
            raise ConflictError("run-running", f"Run {card.id[:12]} is still running", hint)
        if users := runs_in_use(project, (card.id,)).get(card.id):
            noun, _, name = users[0].partition(" ")
            hint = f"look at it: mlops review show {name}" if noun == "review" else "look at it: mlops releases"
            raise ConflictError("run-in-use", f"{' and '.join(users)} rests on run {card.id[:12]}", hint)
    found = tuple(card.id for card in cards)
    for run in found:
        _move(project, run, is_deleted=True)
    return cards_of(project, found)


def undelete_runs(project: Project, runs: tuple[str, ...]) -> tuple[RunCard, ...]:
    """Bring deleted runs back, as they were; artifacts that ``mlops gc --yes`` has freed meanwhile stay away.

    Args:
        project: The project.
        runs: Ids of deleted runs, or unique beginnings of them: ``mlops runs --deleted`` lists them.

    Raises:
        NotFoundError: ``run-unknown``.
        UsageError: ``run-ambiguous``.
    """
    found = tuple(row.id for row in rows_of(project, runs))
    for run in found:
        _move(project, run, is_deleted=False)
    return cards_of(project, found)


def runs_in_use(project: Project, runs: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Return which of these runs reviews and releases rest on, and which these are: ``review rv-1``."""
    wanted = set(runs)
    users: dict[str, list[str]] = {}
    for noun in _RESTING_NOUNS:
        for record in project.journal.records(noun):
            if (run := str(record.body.get("run", ""))) in wanted:
                users.setdefault(run, []).append(f"{noun} {record.id}")
    return {run: tuple(words) for run, words in users.items()}


def _move(project: Project, run: str, *, is_deleted: bool) -> None:
    """Delete or restore a run and say so in the journal, once; killed in between, the same command completes it."""
    kind = "run.deleted" if is_deleted else "run.restored"
    with hold_lock(project.state_dir / "leases" / ".deleting"):
        before = rows_of(project, (run,))[0].is_deleted
        set_deleted(project, run, is_deleted=is_deleted)
        known = [
            event.kind
            for event in project.journal.events(kind="run.*", subject=f"run:{run}")
            if event.kind in ("run.deleted", "run.restored")
        ]
        if before == is_deleted and (known[-1:] == [kind] or not (known or is_deleted)):
            return
        with project.journal.transaction() as transaction:
            transaction.append(kind, f"run:{run}", {})
