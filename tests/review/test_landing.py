"""What comes back of checks elsewhere is somebody else's word: what it could be forged with is refused."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from workbench.compute.folder import JobFolder
from workbench.contract.review import CheckReport
from workbench.foundation.canonical import canonical_json, digest_bytes
from workbench.foundation.errors import IntegrityError, UnknownResultError
from workbench.foundation.store import Store
from workbench.review.elsewhere import far_end, refusals
from workbench.review.elsewhere.landing import REFUSAL, REPORTS, Landed, read_landed
from workbench.review.elsewhere.luggage import Luggage

ROWS = "sha256:" + "1" * 64
SENT = Luggage(b"", "sha256:" + "0" * 64, ("format", "metric"), ("format",), 3, ROWS)


def said() -> dict[str, Any]:
    """Return an honest answer."""
    reports = []
    for name, more in (("format", {}), ("metric", {"attempts": 3, "holdout_digest": ROWS})):
        report = CheckReport(name, "pass", True, "sound", "sha256:00", 1.5, "onnx 1", {"files": 4.0})
        reports.append({"report": asdict(report), "evidence": {"check": name, "result": "pass", **more}})
    return {"luggage": SENT.digest, "machine": "node7", "reports": reports}


def land(tmp_path: Path, data: bytes, *, name: str = REPORTS, announced: bytes | None = None) -> Landed:
    folder = JobFolder(tmp_path / "job")
    (folder.path / "artifacts").mkdir(parents=True)
    (folder.path / name).write_bytes(data)
    told = {"path": name, "digest": digest_bytes(data if announced is None else announced), "bytes": len(data)}
    event = {"seq": 1, "at": "2026-01-01T00:00:00+00:00", "kind": "artifact", "data": told}
    folder.events.write_text(json.dumps(event) + "\n")
    folder.exit.write_text(json.dumps({"code": 0, "reason": "", "error": "", "isolation": "limits, no network"}))
    return read_landed(Store(tmp_path / "store"), folder, SENT, target="far", job="jb-1")


def test_an_honest_answer_is_taken(tmp_path: Path) -> None:
    landed = land(tmp_path, json.dumps(said()).encode())
    assert landed.where == "far: node7, job jb-1 (limits, no network)"
    metric = landed.reports["metric"]
    assert (metric.result, metric.is_required, metric.where) == ("pass", False, landed.where)
    kept = {"check": "metric", "result": "pass", "attempts": 3, "holdout_digest": ROWS}
    assert metric.evidence_digest == digest_bytes(canonical_json(kept))
    assert Store(tmp_path / "store").read(metric.evidence_digest)


def first(value: dict[str, Any]) -> dict[str, Any]:
    report: dict[str, Any] = value["reports"][0]["report"]
    return report


FORGERIES: dict[str, Callable[[dict[str, Any]], object]] = {
    "another luggage": lambda v: v.update(luggage="sha256:" + "9" * 64),
    "more fields": lambda v: v.update(waived=["metric"]),
    "waived": lambda v: (first(v).update(result="waived"), v["reports"][0]["evidence"].update(result="waived")),
    "another result": lambda v: first(v).update(result="fail"),
    "a check left out": lambda v: v["reports"].pop(),
    "a check twice": lambda v: v["reports"].append(v["reports"][0]),
    "another order": lambda v: v["reports"].reverse(),
    "a check nobody asked for": lambda v: (
        first(v).update(name="card"),
        v["reports"][0]["evidence"].update(check="card"),
    ),
    "fewer tries": lambda v: v["reports"][1]["evidence"].update(attempts=1),
    "other rows": lambda v: v["reports"][1]["evidence"].update(holdout_digest="sha256:" + "2" * 64),
    "evidence of another check": lambda v: v["reports"][0]["evidence"].update(check="metric"),
    "no evidence": lambda v: v["reports"][0].update(evidence=[]),
    "a field more": lambda v: first(v).update(signed=True),
    "a text without end": lambda v: first(v).update(summary="x" * 10_000),
    "a summary that is none": lambda v: first(v).update(summary=["x"]),
    "a figure that is none": lambda v: first(v).update(figures={"files": "4"}),
    "a true figure": lambda v: first(v).update(figures={"files": True}),
    "infinity": lambda v: first(v).update(figures={"files": float("inf")}),
    "NaN in evidence": lambda v: v["reports"][0]["evidence"].update(x=float("nan")),
    "a figure's name": lambda v: first(v).update(figures={"a\nb": 1.0}),
    "time backwards": lambda v: first(v).update(duration_s=-1.0),
    "depth": lambda v: v["reports"][0]["evidence"].update(x=json.loads("[" * 60 + "]" * 60)),
    "no reports": lambda v: v.update(reports=[]),
    "reports that are none": lambda v: v.update(reports={"format": "pass"}),
    "a report that is none": lambda v: v.update(reports=["format", "metric"]),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forged_answer_is_refused(tmp_path: Path, name: str) -> None:
    value = said()
    FORGERIES[name](value)
    with pytest.raises(IntegrityError, match="checks-forged"):
        land(tmp_path, json.dumps(value).encode())


@pytest.mark.parametrize("data", [b"", b"[]", b"\xff\xfe", b'{"luggage": ', b"[" * 100_000])
def test_what_is_no_answer_is_refused(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(IntegrityError, match="checks-forged"):
        land(tmp_path, data)


def test_an_answer_that_its_job_did_not_announce_is_refused(tmp_path: Path) -> None:
    honest = json.dumps(said()).encode()
    with pytest.raises(IntegrityError, match="result-damaged"):
        land(tmp_path, honest.replace(b"sound", b"wrong"), announced=honest)


def test_no_answer_is_none(tmp_path: Path) -> None:
    with pytest.raises(IntegrityError, match="announced no results"):
        land(tmp_path, b"{}", name="artifacts/other.json")


def test_a_format_that_does_not_pass_ends_the_answer(tmp_path: Path) -> None:
    value = said()
    del value["reports"][1]
    first(value).update(result="fail")
    value["reports"][0]["evidence"].update(result="fail")
    assert set(land(tmp_path, json.dumps(value).encode()).reports) == {"format"}


def test_words_with_commands_for_a_terminal_lose_them(tmp_path: Path) -> None:
    value = said()
    first(value).update(summary="sound\x1b[2J\nreally")
    value["machine"] = "node7, job jb-2 (limits, no network, own files only)"
    landed = land(tmp_path, json.dumps(value).encode())
    assert landed.reports["format"].summary == "sound [2J really"
    assert landed.where == "far: a machine without a name, job jb-1 (limits, no network)"


def test_a_python_that_lacks_what_checks_need_says_so_before_the_model_is_opened(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    words = [sys.executable, far_end.__file__, SENT.digest, str(out), "json", "no_such_module_anywhere"]
    subprocess.run(words, cwd=tmp_path, check=True)
    with pytest.raises(UnknownResultError, match=r"lacks no_such_module_anywhere; the model was not opened.*") as told:
        land(tmp_path, (out / "refusal.json").read_bytes(), name=REFUSAL)
    assert told.value.code == "checks-refused"


def test_luggage_that_was_exchanged_is_not_unpacked(tmp_path: Path) -> None:
    (tmp_path / "luggage.tar.bz2").write_bytes(b"something else")
    words = [sys.executable, far_end.__file__, SENT.digest, str(tmp_path), "json"]
    done = subprocess.run(words, cwd=tmp_path, check=False, capture_output=True, text=True)
    assert done.returncode == 1
    assert "the luggage is not what was sent" in done.stderr
    assert not (tmp_path / "luggage").exists()


@pytest.mark.parametrize(
    ("state", "reason", "code"),
    [
        ("FAILED", "not-confined", "checks-not-confined"),
        ("FAILED", "cell_error", "checks-lost"),
        ("LOST", "unreachable", "checks-lost"),
    ],
)
def test_a_job_that_did_not_end_well_is_no_result(state: str, reason: str, code: str) -> None:
    card = SimpleNamespace(state=state, reason=reason, error="not-confined: no namespaces", id="jb-1", target="far")
    assert refusals.ended(card).code == code  # type: ignore[arg-type]
