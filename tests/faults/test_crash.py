"""The short form of the crash harness; ``make soak`` strikes every system call and cuts power thousands of times."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.faults import power_cut
from tests.faults.crash import PLANTED


def strike(*options: str) -> dict:
    """Run the harness in a process of its own: it forks, and a test's process has threads."""
    command = [sys.executable, "-m", "tests.faults.crash", "--json", "--workers=1", *options]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


@pytest.mark.slow
@pytest.mark.checklist("S0-12", "S1-16")
def test_no_fault_loses_what_was_acknowledged_or_leaves_half_a_promotion():
    found = strike("--limit", "8")
    sys.stdout.write(f"{found['cases']} faults in {found['s']} s: {found['said']}\n")
    assert found["wrong"] == []
    assert found["cases"] == 3 * 3 * 8
    assert any(words.startswith("SIGKILL: killed") for words in found["said"])
    assert any("refused" in words for words in found["said"])


@pytest.mark.slow
@pytest.mark.parametrize(("bug", "step"), list(zip(PLANTED, ("promote", "approve", "approve"), strict=True)))
def test_the_harness_sees_a_planted_bug(bug, step):
    assert strike("--limit", "90", "--steps", step, "--planted", bug)["wrong"], f"the harness is blind to: {bug}"


@pytest.mark.checklist("S0-12", "S1-16")
def test_a_power_cut_loses_nothing_that_was_acknowledged():
    found = power_cut.run(60)
    sys.stdout.write(f"{found['cuts']} power cuts in {found['s']} s\n")
    assert found["wrong"] == []


def test_the_simulator_catches_a_journal_that_is_not_synchronous():
    found = power_cut.run(60, planted=True)
    assert found["lost"], "synchronous=NORMAL went unseen"


def test_without_a_cut_everything_is_there(tmp_path):
    image = power_cut.base_image(tmp_path, 3)
    disk = power_cut.Disk({power_cut.NAME: power_cut.SimulatedFile(image, bytearray(image))})
    assert power_cut.release_until_dark(disk, 3, planted=False) == 60
