"""One defect of each kind in real notebooks in real kernels: each is named, and clean notebooks raise no alarm."""

from __future__ import annotations

import pytest

from tests.execute.planting import CLEAN, DEFECTS, Defect, is_named, make_bench, reproduce

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.mark.checklist("S1-08")
@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.name.replace(" ", "-"))
def test_a_planted_defect_is_named(tmp_path, defect: Defect) -> None:
    bench = make_bench(tmp_path / "project")
    defect.plant(bench)
    proof = reproduce(bench)
    assert is_named(defect, proof), proof


@pytest.mark.checklist("S1-08", "S1-13")
@pytest.mark.parametrize("clean", CLEAN, ids=lambda clean: clean.name.replace(" ", "-"))
def test_a_clean_notebook_raises_no_alarm(tmp_path, clean: Defect) -> None:
    bench = make_bench(tmp_path / "project")
    clean.plant(bench)
    proof = reproduce(bench)
    assert proof["mismatches"] == [], proof
    assert proof["level"] == "R4", proof["evidence"]
