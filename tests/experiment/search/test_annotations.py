"""Tags, notes, stars, and deleting with undo: MLflow's pages see the same."""

import pytest

from workbench.experiment.annotations import (
    delete_runs,
    note_run,
    star_runs,
    tag_run,
    undelete_runs,
    unstar_runs,
)
from workbench.experiment.runs import count_runs, list_runs, show_run
from workbench.experiment.store import removal, tracking
from workbench.foundation.errors import ConflictError, NotFoundError, UsageError


@pytest.fixture(params=["sql", "client"])
def store_kind(request, monkeypatch):
    """Once as in the project's own store, once as on a server."""
    if request.param == "client":
        monkeypatch.setattr(removal, "_writable", lambda project: None)
    return request.param


@pytest.fixture
def run(project):
    found = tracking.start_run(project, name="first", params={"depth": 3})
    tracking.finish_run(project, found, "FINISHED")
    return found


def official(project, run):
    import mlflow

    return mlflow.MlflowClient(project.tracking_uri).get_run(run)


def test_tags_are_set_and_removed(project, run, store_kind):
    detail = tag_run(project, run[:10], {"stage": "pilot", "line": "3"})
    assert (detail.tags["stage"], detail.tags["line"]) == ("pilot", "3")
    assert [card.id for card in list_runs(project, "tags.stage = pilot AND tags.line = 3")] == [run]
    assert "line" not in tag_run(project, run, {"line": "", "never": ""}).tags
    tags = official(project, run).data.tags
    assert tags["stage"] == "pilot"
    assert "line" not in tags


@pytest.mark.parametrize(
    ("tags", "code"),
    [
        ({"workbench.level": "R4"}, "tag-reserved"),
        ({"mlflow.user": "eve"}, "tag-reserved"),
        ({"a": "x" * 9_000}, "tag-too-long"),
        ({"../a": "x"}, "tracking-refused"),
        ({"ok": "1", "workbench.commit": "x"}, "tag-reserved"),
    ],
)
def test_a_wrong_tag_changes_nothing(project, run, tags, code):
    before = show_run(project, run)
    with pytest.raises(UsageError) as refusal:
        tag_run(project, run, tags)
    assert refusal.value.code == code
    assert show_run(project, run) == before


def test_a_note_is_mlflows_own(project, run, store_kind):
    assert note_run(project, run, "**best** so far").note == "**best** so far"
    assert official(project, run).data.tags["mlflow.note.content"] == "**best** so far"
    assert [card.id for card in list_runs(project, "note ~ BEST")] == [run]
    assert note_run(project, run, "").note == ""
    with pytest.raises(UsageError, match="tag-too-long"):
        note_run(project, run, "x" * 9_000)


def test_stars_are_found_again(project, run, store_kind):
    assert [card.is_starred for card in star_runs(project, (run,))] == [True]
    assert [card.id for card in list_runs(project, "starred")] == [run]
    assert list_runs(project, "NOT starred") == ()
    assert [card.is_starred for card in unstar_runs(project, (run,))] == [False]
    assert list_runs(project, "starred") == ()


def test_a_deleted_run_leaves_the_lists_and_comes_back(project, run, store_kind):
    other = tracking.start_run(project, name="other")
    tracking.finish_run(project, other, "FINISHED")
    before = show_run(project, run)
    assert [card.is_deleted for card in delete_runs(project, (run, run))] == [True, True]
    assert [card.id for card in list_runs(project)] == [other]
    assert count_runs(project) == 1
    assert [card.id for card in list_runs(project, deleted=True)] == [run]
    assert official(project, run).info.lifecycle_stage == "deleted"
    assert show_run(project, run).offer == f"mlops runs undelete {run[:12]}"
    with pytest.raises(NotFoundError, match="is deleted") as refusal:
        star_runs(project, (run,))
    assert refusal.value.hint == f"bring it back: mlops runs undelete {run}"
    delete_runs(project, (run,))
    undelete_runs(project, (run[:9],))
    undelete_runs(project, (run,))
    assert show_run(project, run) == before
    assert official(project, run).info.lifecycle_stage == "active"
    kinds = [event.kind for event in project.journal.events(subject=f"run:{run}")]
    assert kinds[-2:] == ["run.deleted", "run.restored"]
    assert len(kinds) == 4
    assert project.journal.verify()


def test_deleting_that_was_killed_half_way_is_completed(project, run):
    removal.set_deleted(project, run, is_deleted=True)  # and then the power went
    delete_runs(project, (run,))
    assert [event.kind for event in project.journal.events(kind="run.deleted")] == ["run.deleted"]


def test_what_lives_or_is_relied_on_is_not_deleted(project, run):
    plain = tracking.start_run(project, tags={"workbench.job": "jb-1"})
    with pytest.raises(ConflictError) as refusal:
        delete_runs(project, (run, plain))
    assert refusal.value.code == "run-running"
    with project.journal.transaction() as change:
        change.append("review.requested", "review:rv-1", {})
        change.put("review", "rv-1", "OPEN", {"run": run})
        change.put("release", "rl-1", "SUPERSEDED", {"run": run})
    with pytest.raises(ConflictError) as refusal:
        delete_runs(project, (run,))
    assert refusal.value.code == "run-in-use"
    assert "review rv-1 and release rl-1" in refusal.value.message
    assert {card.id for card in list_runs(project)} == {run, plain}
    with pytest.raises(NotFoundError):
        delete_runs(project, (run, "nothing"))
    with pytest.raises(NotFoundError):
        undelete_runs(project, ("nothing",))
