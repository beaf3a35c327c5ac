"""Targets: the local one, wrong configuration, and an adapter that somebody else brings."""

from __future__ import annotations

import importlib
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from workbench.compute.cards import list_targets
from workbench.compute.targets import Capability, find_target, read_options, require_ready
from workbench.contract.status import JobState
from workbench.foundation.errors import NotFoundError, UnavailableError, UsageError
from workbench.foundation.project import Project

ADAPTER = '''
from pathlib import Path
from workbench.compute.targets import Capability, Sighting, TargetFigures, TargetStatus, read_options
from workbench.contract.project import Finding
from workbench.contract.status import JobState
from dataclasses import dataclass

@dataclass(frozen=True)
class Options:
    cores: int = 1

class ShelfTarget:
    """Keeps jobs on a shelf and never runs them: the smallest adapter there is."""

    capabilities = frozenset({Capability.QUEUE})
    travel = None
    refusals = {Capability.CANCEL: "a shelf cannot stop what it never starts"}

    def __init__(self, project, name, options):
        self.name, self.options, self.shelf = name, read_options(Options, name, options), []

    def check(self):
        return (Finding("shelf", is_ok=self.options.cores < 100, message="shelf", hint="buy a shelf"),)

    def figures(self):
        return TargetFigures(self.options.cores, 1, 2, "0 JPY, own shelf, 2026-11")

    def submit(self, job):
        self.shelf.append(job)

    def status(self, job):
        return TargetStatus(JobState.QUEUED if job in self.shelf else JobState.LOST)

    def poll(self, jobs):
        return {job: Sighting(self.status(job)) for job in jobs}

    def events(self, job, after=0):
        return ()

    def cancel(self, job, grace_s=None):
        self.shelf.remove(job)

    def fetch(self, job, patterns):
        return ()

    def cleanup(self, job):
        pass
'''


def make_project(root: Path, toml: str = "") -> Project:
    root.mkdir(exist_ok=True)
    (root / "workbench.toml").write_text(f'[project]\nname = "p"\n{toml}')
    return Project.open(root)


@pytest.fixture
def shelf(tmp_path, monkeypatch) -> None:
    """Install a distribution with an adapter, the way pip would."""
    site = tmp_path / "site"
    info = site / "wb_shelf-1.0.dist-info"
    info.mkdir(parents=True)
    (site / "wb_shelf.py").write_text(ADAPTER)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: wb-shelf\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[workbench.targets]\nshelf = wb_shelf:ShelfTarget\nbroken = wb_shelf_gone:Nothing\n"
    )
    monkeypatch.syspath_prepend(str(site))
    importlib.invalidate_caches()
    yield
    sys.modules.pop("wb_shelf", None)


def test_local_is_always_there_and_ready(tmp_path) -> None:
    project = make_project(tmp_path / "p")
    (card,) = list_targets(project)
    assert (card.name, card.kind, card.is_ready, card.running_jobs) == ("local", "local", True, 0)
    assert {finding.name for finding in card.checks} == {"ipykernel", "papermill", "folder", "disk"}
    assert card.cpus >= 1
    assert card.memory_bytes > 1 << 28
    assert card.free_disk_bytes > 0
    assert card.price_per_hour == "unknown"


def test_every_capability_is_there_or_has_a_reason(tmp_path) -> None:
    target = find_target(make_project(tmp_path / "p"), "local")
    assert target.capabilities | set(target.refusals) == set(Capability)
    assert not target.capabilities & set(target.refusals)
    assert all(len(reason) > 10 for reason in target.refusals.values())


def test_an_unknown_target_names_the_nearest(tmp_path) -> None:
    project = make_project(tmp_path / "p", '[targets.workstation]\nkind = "local"\n')
    with pytest.raises(NotFoundError) as caught:
        find_target(project, "workstatoin")
    assert (caught.value.code, caught.value.hint) == ("target-unknown", "did you mean 'workstation'?")


@pytest.mark.parametrize(
    ("line", "code", "hint"),
    [
        ("grace = 3", "target-option-unknown", "did you mean 'grace_s'?"),
        ('grace_s = "3"', "target-option-wrong-type", "change [targets.mine] in workbench.toml"),
        ("grace_s = true", "target-option-wrong-type", "change [targets.mine] in workbench.toml"),
    ],
)
def test_wrong_options_are_refused_and_listed(tmp_path, line, code, hint) -> None:
    project = make_project(tmp_path / "p", f'[targets.mine]\nkind = "local"\n{line}\n')
    with pytest.raises(UsageError) as caught:
        find_target(project, "mine")
    assert (caught.value.code, caught.value.hint) == (code, hint)
    cards = {card.name: card for card in list_targets(project)}
    assert cards["local"].is_ready
    assert not cards["mine"].is_ready
    assert cards["mine"].checks[0].hint == hint


def test_options_of_the_local_target_take_effect(tmp_path) -> None:
    toml = '[targets.local]\nkind = "local"\nmin_free_disk_gb = 1000000\nprice_per_hour = "4 JPY, own meter, 2026-11"\n'
    project = make_project(tmp_path / "p", toml)
    (card,) = list_targets(project)
    assert card.price_per_hour == "4 JPY, own meter, 2026-11"
    assert not card.is_ready
    with pytest.raises(UnavailableError, match="target-not-ready"):
        require_ready(find_target(project, "local"))


def test_an_unknown_kind_names_the_nearest(tmp_path, shelf) -> None:
    project = make_project(tmp_path / "p", '[targets.x]\nkind = "shelv"\n')
    with pytest.raises(NotFoundError) as caught:
        find_target(project, "x")
    assert (caught.value.code, caught.value.hint) == ("target-kind-unknown", "did you mean 'shelf'?")


@pytest.mark.checklist("S3-04")
def test_an_adapter_from_another_package_is_a_target_like_any_other(tmp_path, shelf) -> None:
    project = make_project(tmp_path / "p", '[targets.mine]\nkind = "shelf"\ncores = 7\n')
    cards = {card.name: card for card in list_targets(project)}
    assert cards["mine"].is_ready
    assert (cards["mine"].cpus, cards["mine"].price_per_hour) == (7, "0 JPY, own shelf, 2026-11")
    assert cards["mine"].refusals == {"cancel": "a shelf cannot stop what it never starts"}
    target = find_target(project, "mine")
    target.submit("jb-1")
    assert target.status("jb-1").state is JobState.QUEUED

    wrong = make_project(tmp_path / "q", '[targets.mine]\nkind = "shelf"\ncore = 7\n')
    with pytest.raises(UsageError, match="did you mean 'cores'"):
        find_target(wrong, "mine")


def test_an_adapter_that_does_not_import_is_said_to_be_broken(tmp_path, shelf) -> None:
    project = make_project(tmp_path / "p", '[targets.mine]\nkind = "broken"\n')
    cards = {card.name: card for card in list_targets(project)}
    (finding,) = cards["mine"].checks
    assert "(wb_shelf_gone:Nothing) does not import" in finding.message
    assert finding.message.endswith("[target-adapter-broken]")
    assert finding.hint == "pip install --force-reinstall wb-shelf"
    assert cards["local"].is_ready


@dataclass(frozen=True)
class Tables:
    """Options as an adapter for a cluster has them."""

    hosts: tuple[str, ...] = ()
    labels: dict[str, str] = field(default_factory=dict)
    grace_s: float = 1.0


def test_options_may_be_lists_and_tables_of_strings() -> None:
    read = read_options(Tables, "t", {"hosts": ["a", "b"], "labels": {"disk": "ssd"}, "grace_s": 5})
    assert read == Tables(("a", "b"), {"disk": "ssd"}, 5.0)
    for wrong in ({"hosts": "a"}, {"hosts": [1]}, {"labels": ["a"]}, {"labels": {"a": 1}}):
        with pytest.raises(UsageError) as caught:
            read_options(Tables, "t", wrong)
        assert caught.value.code == "target-option-wrong-type"
        assert "of strings" in caught.value.message
