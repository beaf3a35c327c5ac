"""Cards of targets: a far one is asked seldom, one that hangs hides nobody, and a changed section is asked anew."""

from __future__ import annotations

import importlib
import sys
import time
from pathlib import Path

import pytest

from workbench.compute import cards
from workbench.compute.cards import list_targets
from workbench.contract.job import TargetCard
from workbench.foundation.project import Project

ADAPTER = '''
import time
from dataclasses import dataclass
from pathlib import Path
from workbench.compute.targets import Capability, TargetFigures, Travel, read_options
from workbench.contract.project import Finding
from workbench.foundation.errors import UnavailableError

@dataclass(frozen=True)
class Options:
    counter: str = ""
    pause_s: float = 0.0
    cores: int = 3
    is_away: bool = False
    is_broken: bool = False

class LightTower:
    """Far away, counts who asks, and answers when it likes."""

    capabilities = frozenset({Capability.REMOTE})
    refusals = {}
    travel = Travel()

    def __init__(self, project, name, options):
        self.name, self.options = name, read_options(Options, name, options)

    def check(self):
        with Path(self.options.counter).open("a") as stream:
            stream.write("asked\\n")
        time.sleep(self.options.pause_s)
        if self.options.is_away:
            raise UnavailableError("host-unreachable", "nobody answers", "light the lamp")
        if self.options.is_broken:
            raise ValueError("no lamp in here")
        return (Finding("light", is_ok=True, message="it shines"),)

    def figures(self):
        return TargetFigures(self.options.cores, 1, 2, gpus=1, gpus_free=0, queued_jobs=4, quota="2 of 8 lamps")
'''


@pytest.fixture
def tower(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Return how to make a project with a far target of the given options, and how often that was asked."""
    site = tmp_path / "site"
    info = site / "wb_tower-1.0.dist-info"
    info.mkdir(parents=True)
    (site / "wb_tower.py").write_text(ADAPTER)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: wb-tower\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[workbench.targets]\ntower = wb_tower:LightTower\n")
    monkeypatch.syspath_prepend(str(site))
    importlib.invalidate_caches()
    counter, root = tmp_path / "asked.txt", tmp_path / "project"
    root.mkdir()

    def look(*lines: str, **options: bool) -> dict[str, TargetCard]:
        text = (
            '[project]\nname = "p"\n[targets.tower]\nkind = "tower"\n' + f'counter = "{counter}"\n' + "\n".join(lines)
        )
        (root / "workbench.toml").write_text(text)
        return {card.name: card for card in list_targets(Project.open(root), **options)}

    yield look, lambda: len(counter.read_text().splitlines()) if counter.exists() else 0
    sys.modules.pop("wb_tower", None)


def test_a_far_target_is_asked_seldom(tower) -> None:
    look, asked = tower
    first = look()["tower"]
    assert (first.is_ready, first.cpus, first.gpus_free, first.queued_jobs, first.quota) == (
        True,
        3,
        0,
        4,
        "2 of 8 lamps",
    )
    assert look()["tower"] == first
    assert asked() == 1
    assert look(refresh=True)["tower"].is_ready
    assert asked() == 2


def test_a_changed_section_is_asked_anew(tower) -> None:
    look, asked = tower
    look()
    assert look("cores = 9")["tower"].cpus == 9
    assert asked() == 2


def test_one_that_hangs_or_is_away_hides_nobody(tower, monkeypatch) -> None:
    look, _ = tower
    monkeypatch.setattr(cards, "_PATIENCE_S", 0.5)
    began = time.monotonic()
    hanging = look("pause_s = 4.0")
    assert time.monotonic() - began < 3
    assert hanging["local"].is_ready
    assert not hanging["tower"].is_ready
    assert "did not answer" in hanging["tower"].checks[0].message
    away = look("is_away = true")["tower"]
    assert (away.is_ready, away.checks[0].hint) == (False, "light the lamp")


def test_a_fault_of_an_adapter_is_a_finding_of_its_target_alone(tower) -> None:
    look, _ = tower
    found = look("is_broken = true")
    assert found["local"].is_ready
    (finding,) = found["tower"].checks
    assert (found["tower"].is_ready, finding.message) == (False, "'tower' fails with ValueError: no lamp in here")


def test_a_damaged_note_is_asked_anew(tower, tmp_path) -> None:
    look, asked = tower
    look()
    (note,) = (tmp_path / "project" / ".workbench" / "targets").iterdir()
    for damage in (b"", b"{", b'{"card": {"checked_at": "x"}, "section": 1}', b"[]"):
        note.write_bytes(damage)
        assert look()["tower"].is_ready
    assert asked() == 5
