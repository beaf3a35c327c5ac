"""The chain of executed cells: the same code in the same order has the same head, and nothing else has."""

import hashlib
import json

import pytest

from workbench.experiment.capture.cells import CellLog, as_lines, chain_of, executed_cells


def sha(text):
    return hashlib.sha256(text.encode()).hexdigest()


def test_the_chain_is_what_its_description_says():
    link = sha("workbench.chain.v1")
    assert chain_of([]) == f"sha256:{link}"
    for source in ("x = 1", "%%mlops track\ny = x"):
        link = sha(f"{link}\n{sha(source)}")
    assert chain_of(["x = 1 \n\n", "%%mlops track\ny = x"]) == f"sha256:{link}"


@pytest.mark.parametrize(
    "source",
    [
        "%load_ext workbench",
        " %load_ext workbench\n",
        "%mlops runs",
        "%mlops\n\n%mlops status --json",
        "",
        "\n \n",
        "%load_ext workbench\n%mlops status",
        "%%mlops untracked\nprint(open('secret').read())",
    ],
)
def test_cells_that_only_speak_to_the_workbench_are_left_out(source):
    assert chain_of(["x = 1", source, "y = 2"]) == chain_of(["x = 1", "y = 2"])


@pytest.mark.parametrize(
    "source", ["%mlopsx", "%mlops runs\nx = 1", "%%mlops track\nx", "# nothing", "%load_ext other"]
)
def test_any_other_cell_counts(source):
    assert chain_of([source]) != chain_of([])


def test_order_and_text_change_the_head():
    heads = {chain_of(cells) for cells in (["a", "b"], ["b", "a"], ["a", "b", "b"], ["a", " b"], ["a\nb"])}
    assert len(heads) == 5


def test_a_log_knows_the_cells_with_the_one_that_runs():
    log = CellLog()
    log.begin("%load_ext workbench", "c0")
    log.begin("x = 1", "c1")
    log.end(is_ok=True)
    log.begin("1 / 0", "c2")
    log.end(is_ok=False)
    log.end(is_ok=True)
    log.begin("never ended", "c3")
    log.begin("y = 2", "c4")
    assert [(cell.index, cell.cell, cell.is_ok) for cell in log.cells()] == [
        (1, "c1", True),
        (2, "c2", False),
        (3, "c3", False),
        (4, "c4", True),
    ]
    assert log.head == log.cells()[-1].link == chain_of(["x = 1", "1 / 0", "never ended", "y = 2"])


def test_a_log_and_a_notebook_that_was_executed_elsewhere_have_the_same_lines():
    log = CellLog()
    for cell, source in (("a", "x = '山'"), ("b", "y = x")):
        log.begin(source, cell)
        log.end(is_ok=True, duration_s=0.5)
    elsewhere = executed_cells([("a", "x = '山'", 0.5, True), ("b", "y = x", 0.5, True)])
    assert as_lines(log.cells()) == as_lines(elsewhere)
    first = json.loads(as_lines(elsewhere).splitlines()[0])
    assert list(first) == ["index", "cell", "source_digest", "source", "duration_s", "is_ok", "link"]
    assert first["source"] == "x = '山'"


def test_any_text_a_cell_may_hold_has_a_digest():
    assert chain_of(["'\ud800'"]).startswith("sha256:")
