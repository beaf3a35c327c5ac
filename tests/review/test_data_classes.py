"""The class of what a model was trained on cannot be talked away for the minute of the request."""

from __future__ import annotations

import json

import pytest

from workbench.data.care.card import describe_data
from workbench.data.quality.clean import clean_data
from workbench.data.versions import snapshot
from workbench.experiment.store import tracking
from workbench.review import reviews
from workbench.review.policies.rules import GroupRule
from workbench.review.record import find_review

GATE = "[stages.production]\nrequired = []\napprovals = 1\n"
PRIVACY = GATE + '[stages.production.groups.privacy]\nmembers = ["carol@example.com"]\nclasses = ["personal"]\n'
CSV = "data/people.csv"


@pytest.fixture
def asked(world, models):
    """Ask for a review of a model that read people.csv, as a version of it or as it lies there."""
    (world.root / "policy" / "gate.toml").write_text(PRIVACY)
    (world.root / "data").mkdir()
    (world.root / CSV).write_text("name\nalice\n")
    alice = world.as_("alice")

    def ask(version: str = "", path: str = CSV, run: str = ""):
        run = run or world.log_model(models.good)
        read = [{"path": path, "digest": "md5:0", "dataset_version": version, "reader": "open"}]
        tracking.set_tags(alice, run, {"workbench.inputs": json.dumps(read)})
        return reviews.request_review(alice, run, wait=True)

    return ask


def traits(world, review) -> set[str]:
    return {trait for trait in find_review(world.as_("alice"), review.id).traits if trait.startswith("class:")}


def card(world, path: str, data_class: str) -> None:
    (world.root / f"{path}.card.toml").write_text(f'data_class = "{data_class}"\n')


def test_a_card_that_was_changed_after_the_snapshot_changes_nothing(world, asked):
    card(world, "data", "personal")
    (version,) = snapshot(world.as_("alice"), (CSV,))
    card(world, "data", "internal")
    card(world, CSV, "")
    review = asked(version.id)
    assert traits(world, review) == {"class:personal"}
    assert review.remarks == (f"{CSV} was personal when it was read, and its card says internal now",)
    assert reviews.approve(world.as_("bob"), review.id).state == "OPEN"
    assert reviews.approve(world.as_("carol"), review.id).state == "APPROVED"


def test_a_card_that_was_raised_after_the_snapshot_counts(world, asked):
    card(world, "data", "internal")
    (version,) = snapshot(world.as_("alice"), (CSV,))
    card(world, "data", "personal")
    assert traits(world, asked(version.id)) == {"class:personal"}


def test_an_input_of_no_class_asks_every_group_that_is_asked_by_classes(world, asked):
    review = asked()
    assert traits(world, review) == {"class:"}
    assert f"no class is known of {CSV}" in review.remarks[0]
    assert "mlops data describe" in review.remarks[0]
    assert reviews.approve(world.as_("bob"), review.id).state == "OPEN"
    describe_data(world.as_("alice"), CSV, data_class="internal")
    again = asked(run=review.run)
    assert again.id != review.id
    assert (traits(world, again), again.remarks) == ({"class:internal"}, ())
    assert reviews.approve(world.as_("bob"), again.id).state == "APPROVED"
    assert asked(run=review.run).id == again.id


def test_whoever_has_no_groups_notices_nothing(world, asked):
    (world.root / "policy" / "gate.toml").write_text(GATE)
    review = asked()
    assert review.remarks == ()
    assert reviews.approve(world.as_("bob"), review.id).state == "APPROVED"


def test_what_was_made_from_personal_data_counts_as_personal(world, asked):
    card(world, CSV, "personal")
    card(world, "data/few.csv", "internal")
    (world.root / "data" / "few.csv").write_text("name\n")
    with world.as_("alice").journal.transaction() as change:
        change.append("data.reduced", "data:data/few.csv", {"source": CSV, "output": "data/few.csv"})
    review = asked(path="data/few.csv")
    assert traits(world, review) == {"class:personal"}
    assert review.remarks == (f"data/few.csv was made from {CSV}, which is personal",)


def test_a_cleaned_copy_of_personal_data_counts_as_personal(world, asked):
    card(world, CSV, "personal")
    card(world, "data/clean.csv", "internal")
    (world.root / "clean.toml").write_text('[[steps]]\ndo = "drop-missing"\ncolumns = ["name"]\n')
    clean_data(world.as_("alice"), CSV, out="data/clean.csv", recipe="clean.toml", whole=True)
    assert traits(world, asked(path="data/clean.csv")) == {"class:personal"}


def test_a_class_that_was_lowered_for_the_next_version_is_shown(world, asked):
    card(world, CSV, "personal")
    snapshot(world.as_("alice"), (CSV,))
    card(world, CSV, "internal")
    (world.root / CSV).write_text("name\nbob\n")
    (version,) = snapshot(world.as_("alice"), (CSV,))
    review = asked(version.id)
    assert traits(world, review) == {"class:internal"}
    assert review.remarks == (f"{CSV} is internal, and another version of it was recorded as personal",)


@pytest.mark.parametrize(("kind", "is_asked"), [("classes", True), ("paths", False), ("tags", False)])
def test_only_groups_that_are_asked_by_classes_mind_an_unknown_one(kind, is_asked):
    group = GroupRule(("carol@example.com",), **{kind: ("personal",)})
    assert group.is_asked(iter(["class:", "path:data/x.csv"])) is is_asked
    assert not group.is_asked(["class:internal"])
