"""R1, clean: nothing that the notebook, its commit and its dataset versions do not show went into the run."""

from __future__ import annotations

import shlex

from workbench.contract.run import InputFile
from workbench.contract.status import RunState
from workbench.experiment.levels.commit import committed_bytes, committed_digests
from workbench.experiment.levels.facts import RunFacts, cells_of
from workbench.experiment.levels.judgement import Judgement, bring_inside, listed
from workbench.foundation.counting import by_count
from workbench.foundation.project import Project

_AGAIN = "restart the kernel, run all cells, or run it as a job: mlops run"
FIRST_COMMIT = "put the project into Git (mlops init -t blank, then git add -A && git commit), and run again"
_COMMIT = "commit everything (git add -A && git commit), then run again"


def judge_clean(project: Project, facts: RunFacts, judged: Judgement) -> None:
    """Look whether a run is clean."""
    _judge_cells(facts, judged)
    _judge_order(facts, judged)
    _judge_code(project, facts, judged)
    _judge_reads(project, facts, judged)


def _judge_cells(facts: RunFacts, judged: Judgement) -> None:
    broken = [cell for cell in facts.cells if not cell.is_ok]
    if broken:
        judged.failed("R1", "cells", f"Cell {broken[0].index} ended with an error", "mend the cell, then run again")
    elif facts.state is not RunState.FINISHED:
        judged.failed("R1", "cells", f"The run ended as {facts.state}", "run it again: mlops run")
    else:
        summary = by_count(
            len(facts.cells),
            "All cells ran without an error",
            "Its only cell ran without an error",
            f"All {len(facts.cells)} cells ran without an error",
        )
        judged.passed("R1", "cells", summary)


def _judge_order(facts: RunFacts, judged: Judgement) -> None:
    if facts.findings is None:
        hint = "put %load_ext workbench into its first cell, or run it as a job: mlops run"
        judged.unknown("R1", "order", "Nobody watched in which order the cells ran", hint)
    elif facts.findings:
        for finding in facts.findings:
            judged.differs(
                "R1", "cell", finding.cell, recorded="run once, in order", found=finding.kind, detail=finding.detail
            )
        kinds = listed(sorted({finding.kind for finding in facts.findings}))
        count = len(facts.findings)
        one, many = f"Hidden state: 1 cell was {kinds}", f"Hidden state: {count} cells were {kinds}"
        judged.failed("R1", "order", by_count(count, many, one, many), _AGAIN)
    else:
        judged.passed("R1", "order", "Each cell ran once, from top to bottom, as it stands in the notebook")


def _judge_code(project: Project, facts: RunFacts, judged: Judgement) -> None:
    """Hold what ran against the commit.

    A notebook that is open differs from its commit as soon as a cell has an output, so what counts of it are its cells.
    """
    if not facts.commit:
        judged.failed("R1", "code", "The run names no Git commit", FIRST_COMMIT)
        return
    others = None if facts.changed is None else facts.changed - {facts.source}
    if facts.is_dirty and others is None:
        judged.failed("R1", "code", f"Files differed from commit {facts.commit[:12]}", _COMMIT)
        return
    if others:
        for path in sorted(others):
            judged.differs(
                "R1", "code", path, recorded=f"commit {facts.commit[:12]}", found="changed when the run began"
            )
        judged.failed("R1", "code", f"{listed(sorted(others))} differed from commit {facts.commit[:12]}", _COMMIT)
        return
    _judge_notebook(project, facts, judged)


def _judge_notebook(project: Project, facts: RunFacts, judged: Judgement) -> None:
    short = facts.commit[:12]
    if not facts.source.endswith(".ipynb"):
        what = facts.source or "a notebook"
        judged.unknown("R1", "code", f"{what} is no notebook whose cells could be compared", "mlops run <notebook>")
        return
    data = committed_bytes(project, facts.commit, facts.source)
    if data is None:
        judged.failed("R1", "code", f"Commit {short} has no {facts.source}", _COMMIT)
        return
    committed = cells_of(data)
    if not facts.chain:
        judged.unknown("R1", "code", "Nobody noted which cells ran", "run it as a job: mlops run")
    elif any(cell.link == facts.chain for cell in committed):
        count = next(cell.index for cell in committed if cell.link == facts.chain)
        many = f"The {count} cells that ran are those of commit {short}"
        one = f"The only cell that ran is that of commit {short}"
        judged.passed("R1", "code", by_count(count, many, one, many))
    else:
        differing = compare_cells(tuple(c.source for c in committed), tuple(c.source for c in facts.cells))
        cell, was, now = differing or ("cells", f"commit {short}", "other cells")
        judged.differs("R1", "cell", cell, recorded=was, found=now, detail=f"what ran is not what commit {short} holds")
        judged.failed("R1", "code", f"{cell} that ran is not the one of commit {short}", _COMMIT)


def compare_cells(expected: tuple[str, ...], found: tuple[str, ...]) -> tuple[str, str, str] | None:
    """Return ``cell k`` and the beginnings of its two texts where two lists of cells first differ."""
    for number, (one, other) in enumerate(zip(expected, found, strict=False), start=1):
        if one.rstrip() != other.rstrip():
            return f"cell {number}", *_where(one, other)
    if len(found) > len(expected):
        return f"cell {len(expected) + 1}", "", _short(found[len(expected)])
    if len(found) < len(expected):
        return f"cell {len(found) + 1}", _short(expected[len(found)]), ""
    return None


def _where(one: str, other: str) -> tuple[str, str]:
    """Return the first lines in which two texts differ."""
    lines, others = one.splitlines(), other.splitlines()
    for line, own in zip(lines, others, strict=False):
        if line.rstrip() != own.rstrip():
            return _short(line), _short(own)
    at = min(len(lines), len(others))
    return _short("\n".join(lines[at:])), _short("\n".join(others[at:]))


def _short(text: str) -> str:
    line = text.strip().partition("\n")[0]
    return line if len(line) <= 80 else f"{line[:79]}…"


def _judge_reads(project: Project, facts: RunFacts, judged: Judgement) -> None:
    loose = [item for item in facts.inputs if not item.dataset_version]
    committed = committed_digests(project, facts.commit, (item.path for item in loose))
    undeclared: list[InputFile] = []
    for item in facts.inputs:
        if not item.digest:
            judged.differs("R1", "input", item.path, recorded="unknown", found="changed while it was read")
            undeclared.append(item)
        elif not item.dataset_version and committed.get(item.path) != item.digest:
            judged.differs(
                "R1", "input", item.path, recorded=item.digest, found="in no dataset version and not in the commit"
            )
            undeclared.append(item)
    if undeclared:
        paths = [item.path for item in undeclared]
        hint = f"mlops data snapshot {shlex.join(paths[:3])}, commit the .dvc files, then run again"
        judged.failed("R1", "reads", f"Read but not versioned: {listed(paths)}", bring_inside(paths) or hint)
    elif not facts.has_all_inputs:
        many = f"It read more than the {len(facts.inputs)} files that were recorded"
        one = "It read more than the one file that was recorded"
        judged.unknown("R1", "reads", by_count(len(facts.inputs), many, one, many))
    else:
        count = len(facts.inputs)
        one, many = "The only file it read is versioned", f"All {count} files it read are versioned"
        judged.passed("R1", "reads", by_count(count, "It read no file", one, many))
