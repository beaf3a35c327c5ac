"""Finding a record of the journal by what a person types of its id."""

from __future__ import annotations

from workbench.foundation.errors import NotFoundError, UsageError, did_you_mean
from workbench.foundation.journal import Journal, Record

NAMED = {"job": "jb-", "sweep": "sw-", "review": "rv-"}
"""Nouns that people name by the beginning of an id, with what every id of theirs begins with."""


def find_by_beginning(journal: Journal, noun: str, wanted: str, *, first: str) -> Record:
    """Return the record with this id, or with a beginning of it that no other shares; ``jb-`` may be left out.

    Args:
        journal: The journal.
        noun: Kind of record.
        wanted: What was typed.
        first: The command that makes the first one, for a journal that has none.

    Raises:
        NotFoundError: ``job-unknown`` and the like.
        UsageError: ``job-ambiguous`` and the like.
    """
    prefix = NAMED[noun]
    for whole in (wanted, prefix + wanted):
        if record := journal.record(noun, whole):
            return record
    begun = {wanted, prefix + wanted} if wanted else ()
    matches = [record for beginning in begun for record in journal.records(noun, prefix=beginning)]
    if len(matches) == 1:
        return matches[0]
    if matches:
        names = ", ".join(sorted(record.id for record in matches))
        raise UsageError(f"{noun}-ambiguous", f"'{wanted}' begins several {noun}s", f"name one: {names}")
    known = [record.id for record in journal.records(noun)]
    hint = did_you_mean(wanted, known) if known else f"there is none yet: {first}"
    raise NotFoundError(f"{noun}-unknown", f"There is no {noun} '{wanted}'", hint)
