"""OpenLineage: events of real runs in a file and at a real HTTP receiver, complete, in order and without a secret."""

from __future__ import annotations

import json
import os
import re
import sys
import threading
import time
import tomllib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from workbench.compute.consent import trust_secrets
from workbench.contract.run import InputFile
from workbench.experiment.lineage import openlineage
from workbench.experiment.lineage.delivery import deliver
from workbench.experiment.lineage.runs import RunLinks
from workbench.experiment.store.tracking import finish_run, start_run
from workbench.foundation.errors import DeniedError, UnavailableError, UsageError
from workbench.foundation.project import Project

RUN = RunLinks(
    id="0123456789abcdef0123456789abcdef",
    name="train",
    status="FAILED",
    started_at="2026-11-01T00:00:00.000+00:00",
    ended_at="2026-11-01T00:01:00.000+00:00",
    actor="ada@example.org",
    source="notebooks/train.ipynb",
    commit="a" * 40 + "+dirty",
    job="jb-1",
    inputs=(
        InputFile("data/a.csv", "sha256:" + "0" * 64, "data/a.csv@0123456789ab"),
        InputFile("/mnt/b.csv", "sha256:" + "1" * 64, ""),
    ),
    models=("fault",),
    replay_of="",
    resumes="",
    error="ValueError: could not convert 'Yamada Hanako' to float",
)


class Receiver(BaseHTTPRequestHandler):
    """Keeps what it is sent, or refuses."""

    received: ClassVar[list[dict]] = []
    keys: ClassVar[list[str]] = []
    status = 201

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.status < 400:
            self.received.append(json.loads(body))
            self.keys.append(self.headers.get("Authorization", ""))
        self.send_response(self.status)
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def receiver():
    Receiver.received, Receiver.keys, Receiver.status = [], [], 201
    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()


def make_project(root: Path, to: str) -> Project:
    root.mkdir()
    (root / "workbench.toml").write_text(f'[project]\nname = "line"\n\n[lineage]\nopenlineage = "{to}"\n')
    return Project.open(root, actor="ada@example.org")


def kinds(events: list[dict]) -> list[str]:
    return [event["eventType"] for event in events]


def test_an_event_says_what_was_read_and_made_and_no_more_of_an_error_than_its_name(tmp_path) -> None:
    project = make_project(tmp_path / "project", "")
    event = json.loads(openlineage.as_json(openlineage.end_event(project, RUN, "FAILED", RUN.ended_at)))
    assert event["eventType"] == "FAIL"
    assert event["run"]["runId"] == "01234567-89ab-cdef-0123-456789abcdef"
    assert (event["job"]["namespace"], event["job"]["name"]) == ("line", "notebooks/train.ipynb")
    assert [(d["namespace"], d["name"]) for d in event["inputs"]] == [("line", "data/a.csv"), ("file", "/mnt/b.csv")]
    assert event["inputs"][0]["facets"]["version"]["datasetVersion"] == "0123456789ab"
    assert [d["name"] for d in event["outputs"]] == ["models/fault"]
    assert event["run"]["facets"]["nominalTime"]["nominalEndTime"] == RUN.ended_at
    assert event["job"]["facets"]["sourceCodeLocation"]["version"] == "a" * 40
    assert event["run"]["facets"]["errorMessage"]["message"] == "ValueError"
    assert "Yamada" not in json.dumps(event)
    start = json.loads(openlineage.as_json(openlineage.start_event(project, RUN, RUN.started_at)))
    assert (start["eventType"], start["outputs"]) == ("START", [])


@pytest.mark.skipif("OPENLINEAGE_SPEC" not in os.environ, reason="OPENLINEAGE_SPEC names no folder of its JSON schemas")
@pytest.mark.parametrize("state", ["START", "FINISHED", "FAILED", "KILLED", "LOST"])
def test_events_keep_to_the_published_json_schema(tmp_path, state) -> None:
    from jsonschema import Draft202012Validator, FormatChecker
    from referencing import Registry, Resource

    files = [json.loads(path.read_text()) for path in Path(os.environ["OPENLINEAGE_SPEC"]).rglob("*.json")]
    schemas = {schema["$id"]: schema for schema in files if "openlineage.io/spec/" in str(schema.get("$id", ""))}
    registry = Registry().with_resources((name, Resource.from_contents(schema)) for name, schema in schemas.items())
    project = make_project(tmp_path / "project", "")
    made = openlineage.start_event if state == "START" else openlineage.end_event
    given = (RUN.started_at,) if state == "START" else (state, RUN.ended_at)
    event = json.loads(openlineage.as_json(made(project, RUN, *given)))
    facets = [facet for part in ("run", "job") for facet in event[part]["facets"].values()]
    facets += [facet for part in ("inputs", "outputs") for data in event[part] for facet in data["facets"].values()]
    assert len(facets) >= 5

    def faults(value: dict, reference: str) -> list[str]:
        validator = Draft202012Validator({"$ref": reference}, registry=registry, format_checker=FormatChecker())
        return [error.message for error in validator.iter_errors(value)]

    assert faults(event, event["schemaURL"]) == []
    assert [fault for facet in facets for fault in faults(facet, facet["_schemaURL"])] == []
    del event["run"]["runId"]
    assert faults(event, event["schemaURL"]), "the harness sees a missing id"


def test_runs_are_told_in_order_through_a_file_and_only_once(tmp_path) -> None:
    project = make_project(tmp_path / "project", "file:out/lineage.jsonl")
    first = start_run(project, source="notebooks/a.ipynb")
    finish_run(project, first, "FINISHED")
    second = start_run(project, source="notebooks/b.ipynb")
    finish_run(project, second, "KILLED")
    deliver(project)
    deadline = time.monotonic() + 60  # the detached senders may still be at it: they and this one take turns
    file = project.root / "out" / "lineage.jsonl"
    while len(file.read_text().splitlines()) < 4 and time.monotonic() < deadline:
        time.sleep(0.1)
    assert deliver(project).entries == 0
    events = [json.loads(line) for line in file.read_text().splitlines()]
    assert kinds(events) == ["START", "COMPLETE", "START", "ABORT"]
    assert events[0]["run"]["runId"] == events[1]["run"]["runId"] != events[2]["run"]["runId"]


def test_a_receiver_that_is_away_loses_nothing_and_fails_no_run(tmp_path, receiver, monkeypatch) -> None:
    project = make_project(tmp_path / "project", receiver)
    monkeypatch.setattr("workbench.experiment.lineage.delivery.spawn_detached", lambda *_, **__: 0)
    monkeypatch.setenv(openlineage.KEY_VARIABLE, "a-secret")
    Receiver.status = 400
    with pytest.raises(DeniedError, match="secrets-untrusted"):  # the file with the address comes with the repository
        deliver(project)
    trust_secrets(project, ("lineage",))
    run = start_run(project, source="notebooks/a.ipynb")
    finish_run(project, run, "FINISHED")
    with pytest.raises(UnavailableError) as caught:
        deliver(project)
    assert (caught.value.code, caught.value.hint.rpartition(": ")[2]) == ("openlineage-refused", "mlops lineage emit")
    assert "a-secret" not in str(caught.value)
    Receiver.status = 201
    assert deliver(project).entries == 2
    assert kinds(Receiver.received) == ["START", "COMPLETE"]
    assert set(Receiver.keys) == {"Bearer a-secret"}
    assert deliver(project).entries == 0


@pytest.mark.parametrize("to", ["file:{}", "file://{}", "file:link", "file:../profile"])
def test_no_file_elsewhere_is_appended_to_because_a_branch_says_so(tmp_path, to, monkeypatch) -> None:
    monkeypatch.setattr("workbench.experiment.lineage.delivery.spawn_detached", lambda *_, **__: 0)
    profile = tmp_path / "profile"
    profile.write_text("mine")
    project = make_project(tmp_path / "project", to.format(profile))
    (project.root / "link").symlink_to(profile)
    finish_run(project, start_run(project, source="notebooks/$(touch x).ipynb"), "FINISHED")
    with pytest.raises((DeniedError, UsageError)) as caught:
        deliver(project)
    assert caught.value.code in ("secrets-untrusted", "openlineage-address")
    assert profile.read_text() == "mine"


def test_without_the_library_events_are_kept_and_the_extra_is_named(tmp_path, monkeypatch) -> None:
    project = make_project(tmp_path / "project", "file:lineage.jsonl")
    monkeypatch.setattr("workbench.experiment.lineage.delivery.spawn_detached", lambda *_, **__: 0)
    run = start_run(project, source="notebooks/a.ipynb")
    finish_run(project, run, "FINISHED")
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "openlineage.client", None)  # what Python itself finds where it is not installed
        patch.setitem(sys.modules, "openlineage.client.event_v2", None)
        with pytest.raises(UnavailableError) as caught:
            deliver(project)
    assert caught.value.code == "openlineage-missing"
    extra = re.fullmatch(r"pip install 'mlops-workbench\[(\w+)\]'", caught.value.hint)[1]
    declared = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())["project"]
    assert any(need.startswith("openlineage") for need in declared["optional-dependencies"][extra])
    assert not (project.root / "lineage.jsonl").exists()
    assert deliver(project).entries == 2


@pytest.mark.parametrize(("to", "code"), [("", "openlineage-unset"), ("ftp://user:pw@host/x", "openlineage-address")])
def test_a_wrong_address_is_named_without_its_password(tmp_path, to, code) -> None:
    with pytest.raises(UsageError) as caught:
        deliver(make_project(tmp_path / "project", to))
    assert caught.value.code == code
    assert "pw" not in str(caught.value)
