"""Fairness, explanation, licences, vulnerabilities, the schema matrix and checks that somebody else brings."""

from __future__ import annotations

import json
import shutil
import socket
import sys
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from tests.review.conftest import check_said
from workbench.contract.review import CheckReport
from workbench.experiment.model.profile import npz_bytes, reference
from workbench.foundation.errors import UsageError
from workbench.review.candidate import read_manifest
from workbench.review.checks import registry
from workbench.review.checks.check import CheckInput
from workbench.review.checks.explanation import importances
from workbench.review.checks.fairness import difference
from workbench.review.checks.licences import judge, licence_of
from workbench.review.checks.registry import run_check
from workbench.review.checks.vulnerabilities import findings, is_affected
from workbench.review.policies.check_rules import (
    ExplanationRule,
    FairnessRule,
    LicencesRule,
    SchemaRule,
    VulnerabilitiesRule,
)
from workbench.review.policies.policy import parse_policy
from workbench.review.policies.rules import StageRule
from workbench.review.sandbox import sandbox


@pytest.fixture
def check(world):
    project = world.as_("alice")

    def check(name: str, folder: Path, *, champion: Path | None = None, **rules) -> CheckReport:
        digest = project.store.put_tree(folder)
        given = CheckInput(
            project=project,
            review="rv-00000001",
            run="run",
            model="faults",
            stage="production",
            model_digest=digest,
            manifest=read_manifest(project.store, digest),
            rule=StageRule(required=(name,), approvals=1, **rules),
            champion_digest=project.store.put_tree(champion) if champion else "",
        )
        report = run_check(name, given, True)
        assert json.loads(project.store.read(report.evidence_digest))["result"] == report.result
        return report

    return check


# --- fairness


@pytest.mark.checklist("S4-26")
def test_differences_between_groups_are_fairlearns():
    from fairlearn import metrics as fairlearn

    random = np.random.default_rng(5)
    for _ in range(50):
        truth, answers = random.integers(0, 2, (2, 300)).astype(bool)
        groups = random.choice(["a", "b", "c"], 300, p=[0.5, 0.3, 0.2])
        given = {"y_true": truth, "y_pred": answers, "sensitive_features": groups}
        parity = difference("demographic_parity", truth, answers, groups)
        assert parity == pytest.approx(fairlearn.demographic_parity_difference(**given))
        odds = difference("equalized_odds", truth, answers, groups)
        assert odds == pytest.approx(fairlearn.equalized_odds_difference(**given))
        frame = fairlearn.MetricFrame(metrics=lambda t, p: float(np.mean(t == p)), **given)
        assert difference("accuracy", truth, answers, groups) == pytest.approx(frame.difference())


@pytest.mark.checklist("S4-26")
def test_groups_that_are_treated_differently_fail_and_small_ones_decide_nothing(check, models):
    rule = FairnessRule(columns=("sensor_0",), metric="demographic_parity", difference=0.1, bins=2)
    report = check("fairness", models.good, fairness=rule)
    assert report.result == "fail"  # the fault shows in this very sensor
    assert "'sensor_0'" in report.summary
    even = FairnessRule(columns=("sensor_3",), metric="demographic_parity", difference=0.1, bins=2)
    assert check("fairness", models.good, fairness=even).result == "pass"
    small = FairnessRule(columns=("sensor_3",), minimum_rows=500)
    assert (r := check("fairness", models.good, fairness=small)).result == "unknown"
    assert "fewer than two groups" in r.summary
    assert check("fairness", models.good, fairness=FairnessRule(columns=("nobody",))).result == "unknown"
    assert check("fairness", models.good).result == "unknown"


# --- explanation


def test_importance_is_what_the_metric_loses():
    found = importances(0.9, np.array([[0.5, 0.7], [0.9, 0.95]]), True)
    assert found == pytest.approx([0.3, 0.0])
    assert importances(1.0, np.array([[3.0, 5.0]]), False) == pytest.approx([3.0])


@pytest.mark.checklist("S1-23", "S2-22")
def test_an_explanation_names_what_the_model_rests_on_and_what_changed(check, models):
    report = check("explanation", models.good, champion=models.worse)
    assert report.result == "pass"
    assert "It rests on sensor_0" in report.summary
    shares = {name[6:]: value for name, value in report.figures.items() if name.startswith("share ")}
    assert sum(shares.values()) == pytest.approx(1.0)
    assert shares["sensor_0"] > shares["sensor_1"] > shares["sensor_2"]
    assert "most changed against the served model" in report.summary  # which used one sensor alone
    strict = ExplanationRule(largest_share=0.5, largest_change=0.05)
    failed = check("explanation", models.good, champion=models.worse, explanation=strict)
    assert failed.result == "fail"
    assert check("explanation", models.good).figures == check("explanation", models.good).figures


# --- licences


@pytest.mark.parametrize(
    ("expression", "verdict"),
    [
        ("MIT", "allow"),
        ("mit", "allow"),
        ("GPL-3.0-only", "deny"),
        ("MIT OR GPL-3.0-only", "allow"),
        ("MIT AND GPL-3.0-only", "deny"),
        ("MIT AND (Apache-2.0 OR GPL-3.0-only)", "allow"),
        ("Apache-2.0 WITH LLVM-exception", "allow"),
        ("LicenseRef-Secret", "unknown"),
        ("MIT AND LicenseRef-Secret", "unknown"),
        ("MIT OR LicenseRef-Secret", "allow"),
        ("", "unknown"),
        ("(MIT", "unknown"),
        ("MIT GPL-3.0-only", "unknown"),
        ("OR", "unknown"),
        ("MIT )", "unknown"),
    ],
)
def test_licence_expressions(expression, verdict):
    assert judge(expression, LicencesRule()) == verdict


def test_installed_packages_say_their_licence():
    assert judge(licence_of("numpy"), LicencesRule()) == "allow"
    assert licence_of("scikit-learn") == "BSD-3-Clause"
    assert licence_of("no-such-package-anywhere") == ""


def needing(models, folder: Path, text: str) -> Path:
    shutil.copytree(models.good, folder)
    (folder / "requirements.txt").write_text(text)
    return folder


def test_a_licence_on_neither_list_is_unknown_and_a_denied_one_fails(check, models, tmp_path):
    fine = needing(models, tmp_path / "fine", "scikit-learn==1.7.0\n")
    report = check("licences", fine)
    assert (report.result, report.summary) == ("pass", "The only package has an allowed licence")
    odd = needing(models, tmp_path / "odd", "scikit-learn==1.7.0\nno-such-package==1.0\n")
    report = check("licences", odd)
    assert (report.result, "no-such-package (says nothing)" in report.summary) == ("unknown", True)
    known = LicencesRule(known=("no_such_package=GPL-3.0-only",))
    assert (check("licences", odd, licences=known)).result == "fail"
    assert check("licences", needing(models, tmp_path / "loose", "scikit-learn>=1\n")).result == "unknown"
    assert check("licences", models.good).result == "unknown"  # neither model nor run says what it needs


# --- vulnerabilities


def advisory(id: str = "PYSEC-2026-1", *, name: str = "scikit-learn", days: float = 1, **affected) -> dict:
    about = {"package": {"ecosystem": "PyPI", "name": name}, **affected}
    modified = (datetime.now(UTC) - timedelta(days=days)).isoformat().replace("+00:00", "Z")
    return {"id": id, "aliases": ["CVE-2026-0001"], "modified": modified, "affected": [about], "summary": "bad"}


def events(*pairs: tuple[str, str]) -> dict:
    return {"ranges": [{"type": "ECOSYSTEM", "events": [{kind: value} for kind, value in pairs]}]}


@pytest.mark.parametrize(
    ("version", "affected", "is_in"),
    [
        ("1.7.0", events(("introduced", "0"), ("fixed", "1.7.1")), True),
        ("1.7.1", events(("introduced", "0"), ("fixed", "1.7.1")), False),
        ("1.7.0rc1", events(("introduced", "1.7.0")), False),
        ("1.10.0", events(("introduced", "1.9")), True),
        ("1.5", events(("introduced", "0"), ("last_affected", "1.5")), True),
        ("1.6", events(("introduced", "0"), ("last_affected", "1.5")), False),
        ("2.1", events(("introduced", "1"), ("fixed", "1.5"), ("introduced", "2"), ("fixed", "2.2")), True),
        ("1.6", events(("fixed", "2.2"), ("introduced", "2"), ("fixed", "1.5"), ("introduced", "1")), False),
        ("1.0", {"versions": ["1.0"]}, True),
        ("1.1", {"versions": ["1.0"]}, False),
        ("1.1", {}, True),
        ("not a version", events(("introduced", "0"), ("fixed", "1")), True),
        ("1.0", {"ranges": [{"type": "GIT", "events": []}], "versions": ["0.9"]}, False),
    ],
)
def test_ranges_are_read_as_osv_reads_them(version, affected, is_in):
    assert is_affected(version, affected) is is_in


def test_a_withdrawn_advisory_and_another_ecosystem_say_nothing():
    wanted = {"scikit-learn": "1.7.0"}
    assert list(findings(advisory(), wanted))
    assert not list(findings({**advisory(), "withdrawn": "2026-01-01T00:00:00Z"}, wanted))
    foreign = advisory()
    foreign["affected"][0]["package"]["ecosystem"] = "npm"
    assert not list(findings(foreign, wanted))
    assert list(findings(advisory(name="Scikit_Learn"), wanted))


@pytest.mark.checklist("S4-03")
@pytest.mark.parametrize("kind", ["folder", "zip"])
def test_known_vulnerabilities_fail_and_what_cannot_be_known_is_unknown(check, world, models, tmp_path, kind):
    folder = needing(models, tmp_path / "model", "scikit-learn==1.7.0\n")

    def lay(*records: dict) -> VulnerabilitiesRule:
        for old in (world.root / "policy").glob("osv*"):
            shutil.rmtree(old) if old.is_dir() else old.unlink()
        if kind == "zip":
            with zipfile.ZipFile(world.root / "policy" / "osv.zip", "w") as archive:
                for number, record in enumerate(records):
                    archive.writestr(f"{number}.json", record if isinstance(record, str) else json.dumps(record))
            return VulnerabilitiesRule(snapshot="policy/osv.zip")
        (world.root / "policy" / "osv").mkdir()
        for number, record in enumerate(records):
            text = record if isinstance(record, str) else json.dumps(record)
            (world.root / "policy" / "osv" / f"{number}.json").write_text(text)
        return VulnerabilitiesRule(snapshot="policy/osv")

    def look(rule: VulnerabilitiesRule) -> CheckReport:
        return check("vulnerabilities", folder, vulnerabilities=rule)

    hit = advisory(**events(("introduced", "0")))
    report = look(lay(hit, advisory("PYSEC-2", name="other", days=3)))
    assert (report.result, report.figures["advisories"]) == ("fail", 2.0)
    assert "scikit-learn 1.7.0: PYSEC-2026-1 bad" in report.summary
    assert "1 day old" in report.tool
    lay(hit)
    accepted = VulnerabilitiesRule(snapshot=f"policy/osv{'.zip' if kind == 'zip' else ''}", accepted=("CVE-2026-0001",))
    report = look(accepted)
    assert (report.result, "as of 1 day ago; 1 was accepted" in report.summary) == ("pass", True), report
    assert look(lay(advisory(**events(("introduced", "0"), ("fixed", "1.6"))))).result == "pass"
    for make, says in (
        (lambda: lay(advisory(days=40, **events(("introduced", "0"), ("fixed", "1")))), "40 days old"),
        (lay, "holds no advisory"),
        (lambda: lay("{"), "is no advisory"),
        (lambda: VulnerabilitiesRule(snapshot="policy/nothing"), "no snapshot policy/nothing"),
        (VulnerabilitiesRule, "names no snapshot"),
    ):
        report = look(make())
        assert (report.result, says in report.summary) == ("unknown", True), report


# --- schema


def profiled(models, folder: Path, scale: float, **changes) -> Path:
    shutil.copytree(models.good, folder)
    rows = np.random.default_rng(3).normal(size=(500, 4)) * np.array([scale, 1, 1, 1])
    (folder / "reference.npz").write_bytes(npz_bytes(reference(rows, np.zeros(len(rows)), 2)))
    manifest = json.loads((folder / "workbench.json").read_text())
    (folder / "workbench.json").write_text(json.dumps({**manifest, **changes}))
    return folder


def test_a_rescaled_feature_blocks_unless_an_adapter_is_declared(check, models, tmp_path):
    served = profiled(models, tmp_path / "served", 1.0)
    same = profiled(models, tmp_path / "same", 1.3)
    rescaled = profiled(models, tmp_path / "rescaled", 1000.0)
    assert check("schema", same, champion=served).result == "pass"
    report = check("schema", rescaled, champion=served)
    assert (report.result, "Feature 'sensor_0' spreads 1e+03 times" in report.summary) == ("fail", True)
    adapted = SchemaRule(adapters=("sensor_0",))
    assert check("schema", rescaled, champion=served, schema=adapted).result == "pass"


@pytest.mark.parametrize("is_optional", [False, True])
def test_an_added_feature_is_fine_where_callers_may_leave_it_out(check, models, tmp_path, is_optional):
    three = [{"name": f"sensor_{i}", "dtype": "float32"} for i in range(3)]
    manifest = json.loads((models.good / "workbench.json").read_text())
    cut = {"features": three, "example_inputs": [row[:3] for row in manifest["example_inputs"]]}
    served = profiled(models, tmp_path / "served", 1.0, **cut)
    (served / "reference.npz").unlink()
    added = {**manifest["features"][3], "is_optional": is_optional}
    longer = profiled(models, tmp_path / "longer", 1.0, features=[*three, added])
    report = check("schema", longer, champion=served)
    assert report.result == ("pass" if is_optional else "fail"), report
    if not is_optional:
        assert "is new, and callers do not send it" in report.summary
        assert check("schema", longer, champion=served, schema=SchemaRule(adapters=("sensor_3",))).result == "pass"


def test_a_dropped_feature_needs_an_adapter(check, models, tmp_path):
    manifest = json.loads((models.good / "workbench.json").read_text())
    more = [*manifest["features"], {"name": "sensor_4", "dtype": "float32"}]
    wide = {"features": more, "example_inputs": [[*row, 0.0] for row in manifest["example_inputs"]]}
    served = profiled(models, tmp_path / "served", 1.0, **wide)
    narrow = profiled(models, tmp_path / "narrow", 1.0)
    assert check("schema", narrow, champion=served).result == "fail"
    assert check("schema", narrow, champion=served, schema=SchemaRule(adapters=("sensor_4",))).result == "pass"


def test_a_model_without_a_reference_cannot_hide_that_its_units_changed(check, models, tmp_path):
    served = profiled(models, tmp_path / "served", 1.0)
    report = check("schema", models.good, champion=served)
    assert (report.result, "Nobody can tell whether units changed" in report.summary) == ("unknown", True), report
    garbled = profiled(models, tmp_path / "garbled", 1000.0)
    (garbled / "reference.npz").write_bytes(npz_bytes({"quantiles": np.zeros(3)}))
    assert check("schema", garbled, champion=served).result == "unknown"
    older = check("schema", served, champion=models.good)
    assert (older.result, "scales are not compared" in older.summary) == ("pass", True), older


# --- checks that somebody else brings


ACME = """
from workbench.contract.status import CheckResult
from workbench.review.checks.check import Outcome


def always_fine(given):
    paths = [entry.path for entry in given.project.store.tree(given.model_digest)]
    return Outcome(CheckResult.PASS, f"fine: {given.model} of {len(paths)} files", "acme 1.0")


def thief(given):
    import os, pathlib, socket
    found = []
    for path in PATHS:
        try:
            found.append(pathlib.Path(path).read_bytes()[:9].decode("latin-1"))
        except OSError:
            pass
    try:
        found.append(str(socket.create_connection(("127.0.0.1", PORT), timeout=2)))
    except OSError:
        pass
    found += [value for name, value in os.environ.items() if name == "PLANTED_TOKEN"]
    return Outcome(CheckResult.PASS, "got " + str(found), "acme 1.0")


def hungry(given):
    return len(bytearray(64 << 30))
"""


@pytest.fixture
def bring(tmp_path, monkeypatch):
    """Install a distribution with checks, the way pip would."""
    site = tmp_path / "acme-site"

    def bring(package: str, text: str, **points: str) -> None:
        info = site / f"{package}-1.0.dist-info"
        info.mkdir(parents=True)
        (site / f"{package}.py").write_text(text)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        lines = "\n".join(f"acme.{name} = {value}" for name, value in points.items())
        (info / "entry_points.txt").write_text(f"[{registry.GROUP}]\n{lines}\n")
        monkeypatch.syspath_prepend(str(site))

    return bring


def test_a_policy_may_name_a_check_of_somebody_else(world, check, models, bring):
    policy = parse_policy(b'[stages.production]\nrequired = ["format", "acme.fine"]\napprovals = 1\n')
    assert policy.rule("production").required == ("format", "acme.fine")
    for wrong in ("acme", "acme.", ".fine", "acme.Fine", "acme fine"):
        with pytest.raises(UsageError):
            parse_policy(f'[stages.production]\nrequired = ["{wrong}"]\napprovals = 1\n'.encode())
    report = check("acme.fine", models.good)
    check_said(world, report, "check-missing", "No installed package brings check 'acme.fine'", "policy/gate.toml")
    bring("acme_checks", ACME, fine="acme_checks:always_fine", gone="acme_missing:always_fine")
    report = check("acme.fine", models.good)
    assert (report.result, report.tool.partition(" (")[0]) == ("pass", "acme 1.0"), report
    assert report.summary.startswith("fine: faults of")
    assert "acme_checks" not in sys.modules  # it never ran here
    assert check("acme.gone", models.good).result == "unknown"
    bring("acme_other", ACME, fine="acme_other:always_fine")
    several = check("acme.fine", models.good)
    check_said(world, several, "check-ambiguous", "Several packages bring check", "leave one: pip uninstall acme_other")


@pytest.mark.checklist("S1-17", "S3-04")
@pytest.mark.parametrize("is_confined", [True, False], ids=["confined", "planted-fault"])
def test_a_check_of_somebody_else_gets_nothing_of_ours(  # noqa: PLR0917 - fixtures
    check, world, models, bring, monkeypatch, tmp_path, is_confined
):
    secret = tmp_path / "id_ed25519"
    secret.write_text("a private key")
    monkeypatch.setenv("PLANTED_TOKEN", "a token")
    journal = world.as_("alice").state_dir / "journal.db"
    assert journal.is_file()
    paths = [str(secret), str(world.root / "policy" / "gate.toml"), str(journal)]
    if not is_confined:
        child = Path(sandbox.__file__).with_name("apart_child.py").read_text()
        (tmp_path / "open_child.py").write_text(
            child.replace("isolation = confine(", "isolation = (lambda *_, **__: '')(")
        )
        monkeypatch.setattr("workbench.review.sandbox.apart._CHILD", "open_child")
        real = sandbox._environment
        moved = lambda scratch: {**real(scratch), "PYTHONPATH": f"{real(scratch)['PYTHONPATH']}:{tmp_path}"}  # noqa: E731
        monkeypatch.setattr(sandbox, "_environment", moved)
    with socket.create_server(("127.0.0.1", 0)) as server:
        text = ACME.replace("PATHS", repr(paths)).replace("PORT", str(server.getsockname()[1]))
        bring("acme_checks", text, thief="acme_checks:thief")
        report = check("acme.thief", models.good)
    assert report.result == "pass", report
    if is_confined:
        assert (report.summary, "no network, own files only" in report.tool) == ("got []", True)
    else:
        assert all(each in report.summary for each in ("a private", "SQLite", "socket")), report


def test_a_check_of_somebody_else_has_an_end(check, models, bring):
    bring("acme_checks", ACME, hungry="acme_checks:hungry")
    report = check("acme.hungry", models.good)
    assert (report.result, "MemoryError" in report.summary) == ("unknown", True)
