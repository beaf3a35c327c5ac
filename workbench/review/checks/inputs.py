"""``inputs``: everything the run read is a dataset version, and the run is as reproducible as policy asks.

The level is computed from evidence elsewhere (:mod:`workbench.experiment.levels`); here it is only held to what stands
behind it now, so a level that somebody wrote into a tag is none.
"""

from __future__ import annotations

from workbench.contract.status import CheckResult
from workbench.experiment.levels.facts import read_facts
from workbench.experiment.levels.judgement import LEVELS, listed
from workbench.experiment.levels.standing import why_fallen
from workbench.foundation.counting import by_count
from workbench.foundation.errors import UnknownResultError
from workbench.review.checks.check import CheckInput, Outcome

_TOOL = "the run's own record"


def check(given: CheckInput) -> Outcome:
    """Look at the run's inputs and its level."""
    facts = read_facts(given.project, given.run)
    minimum = given.rule.inputs.minimum_level
    fallen = why_fallen(given.project, facts) if facts.level != LEVELS[0] else ""
    level = LEVELS[0] if fallen or facts.level not in LEVELS else facts.level
    without = [item.path for item in facts.inputs if not item.dataset_version]
    known = [item for item in facts.inputs if item.dataset_version]
    unrecorded = sorted(
        i.dataset_version for i in known if not given.project.journal.record("dataset", i.dataset_version)
    )
    figures = {"inputs": len(facts.inputs), "without_version": len(without), "level": float(LEVELS.index(level))}
    evidence = {
        "inputs": [[item.path, item.digest, item.dataset_version] for item in facts.inputs],
        "level": facts.level,
        "fallen": fallen,
        "minimum_level": minimum,
    }
    faults = []
    if without:
        faults.append(f"{listed(without)} is no dataset version: mlops data snapshot, then train again")
    if unrecorded:
        faults.append(f"the journal knows no dataset version {listed(unrecorded)}")
    if LEVELS.index(level) < LEVELS.index(minimum):
        why = f" ({facts.level} fell: {fallen})" if fallen else ""
        faults.append(f"the run is {level}{why} and has to be {minimum}: mlops runs verify {given.run[:8]}")
    if faults:
        return Outcome(CheckResult.FAIL, "; ".join(faults), _TOOL, figures, {**evidence, "faults": faults})
    if not facts.inputs or not facts.has_all_inputs:
        said = "only the first of its inputs" if facts.inputs else "no input"
        hint = "mlops data snapshot, then train again on what it recorded, read with pandas"
        raise UnknownResultError("inputs-unknown", f"The run recorded {said}", hint)
    versions = listed(sorted({item.dataset_version for item in known}))
    one = f"The only input is a dataset version ({versions}); the run is {level}"
    many = f"All {len(known)} inputs are dataset versions ({versions}); the run is {level}"
    summary = by_count(len(known), many, one, many)
    return Outcome(CheckResult.PASS, summary, _TOOL, figures, evidence)
