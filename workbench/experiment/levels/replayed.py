"""R3, replayed, and R4, verified: what replays of a run came to, beside what the run recorded."""

from __future__ import annotations

import math
from collections.abc import Sequence

from workbench.experiment.levels.clean import compare_cells
from workbench.experiment.levels.facts import RunFacts
from workbench.experiment.levels.judgement import Judgement, listed
from workbench.experiment.levels.restorable import compare_environments
from workbench.experiment.levels.suspects import name_suspects
from workbench.foundation.counting import by_count


def judge_replays(facts: RunFacts, replays: Sequence[RunFacts], tolerance: float, judged: Judgement) -> None:
    """Compare a run with replays of it that all ended well.

    Args:
        facts: The run.
        replays: Its replays, at least one.
        tolerance: Relative and absolute difference up to which two metrics count as equal; 0 asks for the same number.
        judged: Where it is noted.
    """
    for replay in replays:
        _judge_chain(facts, replay, judged)
        _judge_environment(facts, replay, judged)
        _judge_reads(facts, replay, judged)
        _judge_parameters(facts, replay, judged)
    _judge_metrics(facts, replays, tolerance, judged)


def _judge_chain(facts: RunFacts, replay: RunFacts, judged: Judgement) -> None:
    """A run may end before its notebook does, so its head may be any link of the replay's."""
    if not facts.chain or not replay.chain:
        judged.unknown("R3", "chain", "Nobody noted which cells ran", "run it as a job: mlops run")
        return
    if facts.chain in (replay.chain, *(cell.link for cell in replay.cells)):
        summary = by_count(
            len(facts.cells),
            "The replay ran the same cells",
            "The replay ran the same single cell",
            f"The replay ran the same {len(facts.cells)} cells",
        )
        judged.passed("R3", "chain", summary)
        return
    differing = compare_cells(tuple(c.source for c in facts.cells), tuple(c.source for c in replay.cells))
    cell, was, now = differing or ("cells", facts.chain, replay.chain)
    judged.differs("R3", "cell", cell, recorded=was, found=now, detail="the replay ran another one")
    judged.failed("R3", "chain", f"The replay did not run the same cells: {cell} differs")


def _judge_environment(facts: RunFacts, replay: RunFacts, judged: Judgement) -> None:
    differing = compare_environments(facts, replay, judged, "R3")
    if differing is None:
        judged.unknown("R3", "packages", "The run recorded no packages", "run it again: mlops run")
    elif differing:
        judged.failed("R3", "packages", f"The replay ran with other packages: {listed(differing)}")
    else:
        judged.passed("R3", "packages", "The replay ran with the same packages")


def _judge_reads(facts: RunFacts, replay: RunFacts, judged: Judgement) -> None:
    before = {item.path: item.digest for item in facts.inputs}
    after = {item.path: item.digest for item in replay.inputs}
    differing = sorted(path for path in {*before, *after} if before.get(path) != after.get(path))
    for path in differing:
        judged.differs(
            "R3",
            "input",
            path,
            recorded=before.get(path, "not read"),
            found=after.get(path, "not read"),
            detail="read by the replay",
        )
    if differing:
        judged.failed("R3", "reads", f"The replay read something else: {listed(differing)}")
    else:
        one, many = "The replay read the same file", f"The replay read the same {len(before)} files"
        judged.passed("R3", "reads", by_count(len(before), "The replay read no file either", one, many))


def _judge_parameters(facts: RunFacts, replay: RunFacts, judged: Judgement) -> None:
    names = sorted({*facts.params, *replay.params})
    differing = [name for name in names if facts.params.get(name) != replay.params.get(name)]
    for name in differing:
        judged.differs(
            "R3", "param", name, recorded=facts.params.get(name, "none"), found=replay.params.get(name, "none")
        )
    if differing:
        judged.failed("R3", "parameters", f"The replay recorded other parameters: {listed(differing)}")
    else:
        none, one = "The replay recorded no parameter either", "The replay recorded the same parameter"
        many = f"The replay recorded the same {len(names)} parameters"
        judged.passed("R3", "parameters", by_count(len(names), none, one, many))


def _judge_metrics(facts: RunFacts, replays: Sequence[RunFacts], tolerance: float, judged: Judgement) -> None:
    count = len(facts.results) + len(facts.undefined)
    if not count:
        hint = "log one in the notebook: workbench.log(f1=…)"
        judged.unknown("R4", "metrics", "The run logged no metric that a replay could be held to", hint)
        return
    wrong, spread = [], []
    for name in sorted(facts.undefined):
        if not all(name in replay.undefined for replay in replays):
            wrong.append(name)
            judged.differs("R4", "metric", name, recorded="nan", found=_said(_found(replays, name)))
    for name, value in sorted(facts.results.items()):
        found = _found(replays, name)
        if len(found) == len(replays) and all(is_close(value, other, tolerance) for other in found):
            continue
        if len(found) == len(replays) > 1 and min(found) <= value <= max(found):
            spread.append(name)
            judged.differs(
                "R4",
                "metric",
                name,
                recorded=repr(value),
                found=_said(found),
                detail="within the spread of the replays",
            )
            continue
        wrong.append(name)
        judged.differs("R4", "metric", name, recorded=repr(value), found=_said(found))
    if wrong or spread:
        name_suspects(facts, judged)
    if wrong:
        name = wrong[0]
        said = ", ".join(f"{other:.6g}" for other in _found(replays, name)) or "nothing"
        value = facts.results.get(name, math.nan)
        judged.failed("R4", "metrics", f"{name} was {value:.6g} and comes out as {said}")
    elif spread:
        one = "The only metric comes out again, within the spread of the replays"
        many = f"All {count} metrics come out again, {listed(spread)} within the spread of the replays"
        judged.passed("R4", "metrics", by_count(count, many, one, many))
    else:
        one = f"The only metric comes out again within {tolerance:g}"
        many = f"All {count} metrics come out again within {tolerance:g}"
        judged.passed("R4", "metrics", by_count(count, many, one, many))


def is_close(value: float, other: float, tolerance: float) -> bool:
    """Tell whether two values of a metric are equal within a tolerance, relative or absolute."""
    return math.isclose(value, other, rel_tol=tolerance, abs_tol=tolerance)


def _found(replays: Sequence[RunFacts], name: str) -> list[float]:
    return [replay.results[name] for replay in replays if name in replay.results]


def _said(found: Sequence[float]) -> str:
    return ", ".join(repr(value) for value in found) or "nothing"
