"""Trials that start together are sent together, and nobody else is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from workbench.compute.folder import JobFolder
from workbench.compute.targets import Capability
from workbench.execute import gathering
from workbench.execute.gathering import Gathering


class Cluster:
    """A target with arrays."""

    name = "cluster"
    capabilities = frozenset({Capability.ARRAY})


class Machine(Cluster):
    """One without."""

    capabilities = frozenset()


@pytest.fixture
def due(tmp_path: Path) -> dict[str, JobFolder]:
    def folder(job: str, sweep: str, cpus: int = 0) -> JobFolder:
        made = JobFolder(tmp_path / job)
        made.path.mkdir()
        made.spec.write_text(json.dumps({"sweep": sweep, "resources": {"cpus": cpus}}))
        return made

    jobs = {"a1": "sw-a", "a2": "sw-a", "b1": "sw-b", "c1": "", "c2": ""}
    return {job: folder(job, sweep) for job, sweep in jobs.items()} | {"a3": folder("a3", "sw-a", cpus=4)}


def test_trials_of_one_sweep_wait_for_each_other_and_then_go_together(due, monkeypatch) -> None:
    gathered = Gathering()
    assert gathered.batches(Cluster(), due) == [("c1",), ("c2",)]
    monkeypatch.setattr(gathering, "GATHER_S", 0.0)
    assert set(gathered.batches(Cluster(), due)) == {("a1", "a2"), ("a3",), ("b1",), ("c1",), ("c2",)}


def test_what_was_refused_together_goes_one_by_one(due, monkeypatch) -> None:
    monkeypatch.setattr(gathering, "GATHER_S", 0.0)
    gathered = Gathering()
    gathered.part(("a1", "a2"))
    assert {("a1",), ("a2",)} <= set(gathered.batches(Cluster(), due))


def test_an_order_has_an_end(due, monkeypatch) -> None:
    monkeypatch.setattr(gathering, "MOST", 2)
    assert ("a1", "a2") in Gathering().batches(Cluster(), due), "it is full, so it waits for nobody"


def test_a_target_without_arrays_gets_them_as_they_come(due) -> None:
    assert len(Gathering().batches(Machine(), due)) == len(due)
