"""The glance is cheap, the doctor never falls ill itself, and the journal is read as it is."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
import time
from dataclasses import MISSING, fields

import pytest

from workbench import __version__
from workbench.foundation.errors import IntegrityError, UsageError
from workbench.foundation.identity import create_key
from workbench.foundation.project import Project
from workbench.project.audit import list_events, verify_journal
from workbench.project.overview import examine, project_status
from workbench.review.record import Review


def _found(project, name):
    return next(finding for finding in examine(project) if finding.name == name)


def _put(project, noun, id_, state):
    with project.journal.transaction() as change:
        change.append(f"{noun}.changed", f"{noun}:{id_}", {})
        change.put(noun, id_, state, _review(id_) if noun == "review" else {})


def _review(id_):
    """Return what a review's record holds at least: which of them wait is read from it."""
    texts = {item.name: id_ for item in fields(Review) if item.default is MISSING}
    others = {"params": {}, "metrics": {}, "dataset_versions": (), "checks": (), "decisions": ()}
    return {**texts, **dict.fromkeys(("evidence_digest", "holdout_digest", "champion_digest"), ""), **others}


def test_an_empty_project_counts_nothing(project):
    status = project_status(project)
    assert (status.name, status.description, status.actor) == ("mill", "A milling line", "op@example.com")
    assert (status.version, status.root) == (__version__, str(project.root))
    counts = (status.runs, status.datasets, status.open_jobs, status.open_reviews, status.channels, status.open_alerts)
    assert (*counts, status.journal_seq) == (0,) * 7


def test_the_glance_counts_what_is_open_and_nothing_else(project):
    for noun, states in {
        "dataset": ["RECORDED", "RECORDED"],
        "job": ["RUNNING", "QUEUED", "FAILED", "LOST"],
        "review": ["OPEN", "CHECKING", "APPROVED"],
        "release": ["CURRENT", "SUPERSEDED"],
        "alert": ["OPEN", "ACKNOWLEDGED", "RESOLVED"],
    }.items():
        for index, state in enumerate(states):
            _put(project, noun, f"{noun}-{index}", state)
    status = project_status(project)
    counts = (status.datasets, status.open_jobs, status.open_reviews, status.channels, status.open_alerts)
    assert counts == (2, 2, 2, 1, 2)
    assert status.journal_seq == 14


def test_the_glance_is_quick_and_imports_nothing_heavy(furnished):
    project_status(furnished)
    took_s = []
    for _ in range(5):
        start = time.process_time()
        status = project_status(furnished)
        took_s.append(time.process_time() - start)
    assert status.runs == 6
    assert min(took_s) < 0.05
    code = (
        "import sys\n"
        "from workbench.foundation.project import Project\n"
        "from workbench.project.overview import project_status\n"
        "project_status(Project.open(actor='a@b.c'))\n"
        "print({'mlflow', 'dvc', 'pandas', 'sklearn', 'plotly', 'numpy', 'scipy'} & set(sys.modules))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=furnished.root, capture_output=True, text=True, check=True, timeout=60
    )
    assert run.stdout.strip() == "set()"


@pytest.mark.checklist("S0-27", "S2-21")
def test_the_doctor_looks_at_everything_and_names_a_command_for_every_fault(furnished):
    findings = examine(furnished)
    names = {finding.name for finding in findings}
    assert {"configuration", "python", "dependencies", "disk", "git", "data", "tracking", "journal"} <= names
    assert {"store", "signing-key", "reviewers", "policy", "network", "footprint"} <= names
    assert {"target local", "runner mill@production"} <= names
    assert all(finding.hint for finding in findings if not finding.is_ok)
    assert not any(finding.hint for finding in findings if finding.is_ok)
    assert "installed packages" in _found(furnished, "footprint").message
    assert _found(furnished, "runner mill@production").hint == "mlops serve mill@production"


def _damage_blob(project):
    path = next(path for path in (project.store.root / "blobs").rglob("*") if path.is_file())
    path.chmod(0o644)
    path.write_bytes(b"damaged")


def _damage_chain(project):
    with sqlite3.connect(project.state_dir / "journal.db") as database:
        database.execute("UPDATE events SET subject = 'x' WHERE seq = 1")
    database.close()


def _damage_journal(project):
    project.journal.close()
    for path in project.state_dir.glob("journal.db*"):
        path.unlink()
    (project.state_dir / "journal.db").write_bytes(b"this is no database" * 100)


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("configuration", lambda p: (p.root / "workbench.toml").write_text("[project]\nnam = 'x'\n")),
        ("policy", lambda p: (p.root / "policy" / "gate.toml").write_text("[stages.production]\nrequird = []\n")),
        ("policy", lambda p: shutil.rmtree(p.root / "policy")),
        ("reviewers", lambda p: (p.root / "policy" / "reviewers").write_text("nonsense\n")),
        ("tracking", lambda p: (p.state_dir / "mlflow.db").write_bytes(b"no database" * 200)),
        ("store", _damage_blob),
        ("journal", _damage_chain),
        ("journal", _damage_journal),
    ],
)
@pytest.mark.checklist("S0-27")
def test_a_broken_part_is_a_finding_and_hides_no_other(furnished, name, damage):
    whole = len({finding.name.split()[0] for finding in examine(furnished)})
    damage(furnished)
    findings = examine(furnished)
    assert any(finding.name == name and not finding.is_ok and finding.hint for finding in findings)
    assert len({finding.name.split()[0] for finding in findings}) == whole


def test_open_alerts_are_found(make_project):
    project = make_project()
    assert _found(project, "alerts").is_ok
    with project.journal.transaction() as change:
        for number, (state, severity) in enumerate(
            [("OPEN", "critical"), ("OPEN", "warning"), ("RESOLVED", "critical")]
        ):
            change.append("alert.raised", f"alert:al-{number}", {})
            change.put("alert", f"al-{number}", state, {"severity": severity})
    found = _found(project, "alerts")
    assert (found.is_ok, found.message) == (False, "2 alerts are open, 1 of them critical")
    assert found.hint == "mlops alerts"


def test_one_is_not_said_as_several(make_project):
    project = make_project()
    _put(project, "dataset", "d", "RECORDED")
    assert _found(project, "journal").message.startswith("The chain of 1 event is unbroken")
    assert _found(project, "data-card").message == "There is no dataset yet that needs a card"


def test_the_key_is_looked_at(make_project, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("WORKBENCH_SIGNING_KEY", raising=False)
    assert _found(make_project(), "signing-key").hint == "mlops identity create"
    path = tmp_path / "key"
    public = create_key(path, comment="me")
    monkeypatch.setenv("WORKBENCH_SIGNING_KEY", str(path))
    assert _found(make_project(), "signing-key").message == public.fingerprint
    path.chmod(0o644)
    assert _found(make_project(), "signing-key").hint == f"chmod 600 '{path}'"


def test_a_runner_open_to_the_network_is_said(tmp_path):
    (tmp_path / "workbench.toml").write_text('[project]\nname = "mill"\n\n[runner]\nhost = "0.0.0.0"\n')
    finding = _found(Project.open(tmp_path, actor="a@example.com"), "network")
    assert not finding.is_ok
    assert "without TLS" in finding.message


def test_the_journal_is_walked_and_listed(project):
    assert verify_journal(project).events == 0
    for index in range(5):
        _put(project, "job", f"jb-{index}", "RUNNING")
    report = verify_journal(project)
    head = project.journal.head()
    assert (report.events, report.head) == (head.seq, head.hash)
    assert report.since < report.until
    assert [event.seq for event in list_events(project, limit=2)] == [4, 5]
    assert [event.seq for event in list_events(project, limit=2, after=1)] == [2, 3]
    assert list_events(project, after=5) == ()
    assert json.dumps(list_events(project)[0].__dict__)
    with pytest.raises(UsageError):
        list_events(project, limit=0)
    _damage_chain(project)
    with pytest.raises(IntegrityError) as caught:
        verify_journal(project)
    assert caught.value.code == "journal-broken"
