"""Two runs that made the same bytes: each has a review of its own, with its own author kept out."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from workbench.experiment.runs import reader_of
from workbench.experiment.store.artifacts import local_folder
from workbench.experiment.store.rows import RunQuery
from workbench.foundation.errors import DeniedError
from workbench.foundation.store import digest_tree
from workbench.review import checking, reviews
from workbench.review.candidate import REWRITTEN_FILES, is_unchanged


def test_a_run_that_hides_a_file_does_not_hold_its_bytes(world, models, monkeypatch):
    """Nor does it blind whoever looks at all of them: its author alone owns that file."""
    alice, run = world.as_("alice"), world.log_model(models.good)
    (row,) = reader_of(alice).search(RunQuery(limit=1, ids=(run,)))
    digest = digest_tree(local_folder(row.artifact_uri) / "models" / "faults", exclude=REWRITTEN_FILES)
    assert is_unchanged(alice, run, "faults", digest)
    real = Path.open

    def hidden(path, *given, **named):
        if path.name == "model.onnx":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return real(path, *given, **named)

    monkeypatch.setattr(Path, "open", hidden)  # root may read anything
    assert not is_unchanged(alice, run, "faults", digest)


@pytest.mark.checklist("S1-10")
def test_the_author_of_the_same_bytes_cannot_approve_them_under_another_run(world, models, monkeypatch):
    monkeypatch.setattr(checking, "_ALWAYS", ())
    (world.root / "policy" / "gate.toml").write_text("[stages.production]\nrequired = []\napprovals = 1\n")
    first, second = world.log_model(models.good, by="alice"), world.log_model(models.good, by="bob")
    of_alice = reviews.request_review(world.as_("alice"), first, wait=True)
    assert reviews.approve(world.as_("bob"), of_alice.id).state == "APPROVED"
    of_bob = reviews.request_review(world.as_("bob"), second, wait=True)
    assert of_bob.id != of_alice.id
    assert of_bob.model_digest == of_alice.model_digest
    assert reviews.request_review(world.as_("bob"), second, wait=True).id == of_bob.id
    with pytest.raises(DeniedError, match="self-approval"):
        reviews.approve(world.as_("bob"), of_bob.id)
    # The first run's bytes change: its review is stale, and the second run's goes on.
    file = world.artifact(first, "model.onnx")
    file.write_bytes(file.read_bytes() + b"\0")
    assert reviews.approve(world.as_("carol"), of_bob.id).state == "APPROVED"
    assert reviews.release_grant(world.as_("carol"), of_bob.id).author == "bob@example.com"
