"""The review from the request to the grant, with its real checks."""

import pytest

from workbench.foundation.errors import DeniedError
from workbench.review import reviews


def test_a_model_goes_the_whole_way(world, models):
    run = world.log_model(models.good)
    alice, bob = world.as_("alice"), world.as_("bob")

    card = reviews.request_review(alice, run, wait=True)

    assert card.state == "OPEN"
    assert {c.name: c.result for c in card.checks} == {"format": "pass", "schema": "pass", "metric": "pass"}, card.checks
    with pytest.raises(DeniedError, match="self-approval"):
        reviews.approve(alice, card.id)
    approved = reviews.approve(bob, card.id, "looked at the notebook")
    assert (approved.state, approved.needed) == ("APPROVED", ())
    for c in card.checks: print(c)
    grant = reviews.release_grant(alice, card.id)
    assert grant.model_digest == card.model_digest
