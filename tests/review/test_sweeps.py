"""From a sweep straight to a review of its best trial's model."""

from __future__ import annotations

import pytest

from workbench.contract.status import JobState
from workbench.contract.sweep import TrialCard
from workbench.execute.sweeps.record import record_begun, record_ended, record_trial
from workbench.execute.sweeps.sweeps import show_sweep
from workbench.foundation.errors import PendingError
from workbench.review import checking
from workbench.review.sweeps import request_best

SETTINGS = {
    **dict.fromkeys(("notebook", "notebook_digest", "target", "metric", "name"), "x"),
    **{"space": {"dimensions": {}, "fixed": {}}, "trials": 2, "parallel": 1, "seed": 0, "resources": {}},
    **{"direction": "maximize", "sampler": "tpe", "pruner": "none"},
}


def test_the_best_trial_leads_straight_to_a_review(world, models, monkeypatch):
    monkeypatch.setattr(checking, "_ALWAYS", ())
    alice = world.as_("alice")
    record_begun(alice, "sw-1", SETTINGS)
    with pytest.raises(PendingError) as caught:
        request_best(alice, "sw-1")
    assert (caught.value.code, caught.value.hint) == ("sweep-without-best", "mlops sweep show sw-1")
    run = world.log_model(models.good)
    best = {"trial": 0, "value": 0.8, "params": {}, "run": run, "has_model": True}
    record_trial(alice, "sw-1", TrialCard(0, "COMPLETE", 0.8, run=run), best)
    card = request_best(alice, "sw-1", to="staging", wait=True)
    assert (card.run, card.stage, card.state) == (run, "staging", "OPEN")
    record_ended(alice, "sw-1", JobState.SUCCEEDED)
    assert show_sweep(alice, "sw-1").offer == f"mlops review request {run}"
