"""Two runs that made the same bytes: each has a review of its own, with its own author kept out."""

from __future__ import annotations

import pytest

from workbench.foundation.errors import DeniedError
from workbench.review import checking, reviews


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
