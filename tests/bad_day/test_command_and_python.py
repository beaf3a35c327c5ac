"""Bad days through the command and through Python: the same error, and nothing changed."""

from __future__ import annotations

import pytest

from tests.bad_day.cases import CASES
from tests.bad_day.conftest import Place
from tests.bad_day.situations import Case, words
from workbench.experiment.annotations import tag_run
from workbench.foundation.errors import WorkbenchError


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_command_says_what_is_wrong(place: Place, case: Case) -> None:
    case.damage(place.root)
    before = place.state()
    said = place.mlops(*words(case.verb, case.filled(place.known)))
    assert said.code in (1, 2, 3, 4, 5), said
    assert said.out == ""
    assert len(said.err.splitlines()) == 1, said.err
    assert said.problem["code"] == case.code
    assert said.problem["message"]
    assert not said.problem["message"].endswith(".")
    assert said.problem["hint"]
    place.refused(before, case)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_python_raises_the_same(place: Place, case: Case) -> None:
    case.damage(place.root)
    before = place.state()
    with pytest.raises(WorkbenchError) as caught:
        case.call(place.open(), place.known)
    assert caught.value.code == case.code
    place.refused(before, case)


def test_a_refused_approval_is_recorded_and_changes_nothing_else(place: Place) -> None:
    journal, before = place.open().journal, place.state()
    head = journal.head()
    said = place.mlops("review", "approve", place.waiting_review)
    assert (said.code, said.problem["code"]) == (1, "self-approval")
    assert [event.kind for event in journal.events(after=head.seq)] == ["review.refused"]
    after = place.state()
    assert {name for name in before if before[name] != after[name]} == {".workbench/journal.db"}


def test_the_harness_sees_a_change(place: Place) -> None:
    before = place.state()
    with place.open().journal.transaction() as transaction:
        transaction.append("job.ended", "job:none", {})
    assert place.state() != before
    before = place.state()
    project = place.open()
    tag_run(project, place.bare_run, {"seen": "yes"})
    changed = place.state()
    assert {name for name in before if before[name] != changed[name]} == {".workbench/mlflow.db"}
    (place.root / "notebooks" / "train.ipynb").write_text("{}")
    assert place.state().keys() == before.keys()
