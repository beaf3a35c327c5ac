"""A real ``mlflow server --app-name basic-auth``: an author tries to move the model, and the server says no."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from workbench.compute.consent import trust_secrets
from workbench.experiment.levels.facts import read_artifact
from workbench.experiment.runs import rows_of, show_run
from workbench.experiment.store import tracking
from workbench.experiment.store.models import download_model
from workbench.foundation.config import load_config
from workbench.foundation.errors import DeniedError, UnavailableError, UsageError, WorkbenchError
from workbench.foundation.project import Project
from workbench.review import reviews
from workbench.serving import releases, server_gate
from workbench.serving.registering import register
from workbench.serving.server_gate import Account, is_enforced, setup_server

BOSS = Account("admin", "the-admins-password-1")
AUTHOR = Account("author", "the-authors-password-1")
GATE = "the-gates-own-password-1"


@dataclass
class Server:
    """A tracking server with accounts."""

    url: str

    def ask(self, account: Account, method: str, path: str, body: dict[str, str] | None = None, version: int = 2):
        return server_gate._ask(self.url, account, method, path, body, version=version)


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[Server]:
    folder: Path = tmp_path_factory.mktemp("server")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (folder / "auth.ini").write_text(
        "[mlflow]\ndefault_permission = READ\n"
        f"database_uri = sqlite:///{folder}/auth.db\nadmin_username = admin\nadmin_password = {BOSS.password}\n"
        "authorization_function = mlflow.server.auth:authenticate_request_basic_auth\n"
    )
    command = [sys.executable, "-m", "mlflow", "server", "--app-name", "basic-auth", "--host", "127.0.0.1"]
    command += ["--port", str(port), "--workers", "1", "--backend-store-uri", f"sqlite:///{folder}/mlflow.db"]
    command += ["--artifacts-destination", str(folder / "artifacts")]
    env = {
        **os.environ,
        "MLFLOW_AUTH_CONFIG_PATH": str(folder / "auth.ini"),
        "MLFLOW_FLASK_SERVER_SECRET_KEY": "x" * 32,
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # seven more processes that nobody asks for anything
    }
    log = (folder / "log.txt").open("wb")
    process = subprocess.Popen(command, cwd=folder, env=env, stdout=log, stderr=log, start_new_session=True)
    found = Server(f"http://127.0.0.1:{port}")
    try:
        deadline = time.monotonic() + 120
        while True:
            try:
                with urllib.request.urlopen(f"{found.url}/health", timeout=2):
                    break
            except (OSError, urllib.error.URLError):
                if process.poll() is not None or time.monotonic() > deadline:
                    raise AssertionError((folder / "log.txt").read_text()[-2000:]) from None
                time.sleep(0.3)
        found.ask(BOSS, "POST", "users/create", {"username": AUTHOR.name, "password": AUTHOR.password})
        yield found
    finally:
        os.killpg(process.pid, 15)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
        log.close()


@pytest.fixture
def shared(server, blank_project, monkeypatch) -> Project:
    path = blank_project.root / "workbench.toml"
    path.write_text(
        path.read_text()
        + f'\n[tracking]\nuri = "{server.url}"\n\n[gate]\naccount = "gate"\npassword = "env:GATE_PASSWORD"\n'
    )
    monkeypatch.setenv("GATE_PASSWORD", GATE)
    monkeypatch.setenv("ADMIN_PASSWORD", BOSS.password)
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", AUTHOR.name)
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", AUTHOR.password)
    project = Project(blank_project.root, load_config(path), blank_project.actor)
    trust_secrets(project, ("gate", "tracking"))
    return project


@pytest.mark.checklist("S0-11")
def test_only_the_gate_moves_the_model_and_the_server_says_so(server, shared, monkeypatch):
    # Before: whoever registers a model first may do everything with it.
    server.ask(AUTHOR, "POST", "registered-models/create", {"name": "churn"})
    version = server.ask(AUTHOR, "POST", "model-versions/create", {"name": "churn", "source": "s3://bucket/a"})
    number = version["model_version"]["version"]
    alias = {"name": "churn", "alias": "production", "version": number}
    server.ask(AUTHOR, "POST", "registered-models/alias", alias)
    assert not is_enforced(shared, "churn")
    found = setup_server(shared, ("churn", "faults"), admin_password="env:ADMIN_PASSWORD")
    assert found.is_enforced
    assert {(user.user, user.permission) for user in found.users} == {("admin", "ADMIN"), ("author", "READ")}
    assert is_enforced(shared, "churn")
    for name, password in (("author", "wrong"), ("nobody", AUTHOR.password)):  # refused, and nothing is shown by it
        with monkeypatch.context() as elsewhere:
            elsewhere.setenv("MLFLOW_TRACKING_USERNAME", name)
            elsewhere.setenv("MLFLOW_TRACKING_PASSWORD", password)
            assert not is_enforced(shared, "churn")
    for method, path, body in (
        ("POST", "registered-models/alias", alias),
        ("DELETE", "registered-models/alias", {"name": "churn", "alias": "production"}),
        ("POST", "model-versions/create", {"name": "churn", "source": "s3://bucket/b"}),
        ("POST", "model-versions/set-tag", {"name": "churn", "version": number, "key": "approved_by", "value": "me"}),
        ("DELETE", "model-versions/delete", {"name": "churn", "version": number}),
        ("DELETE", "registered-models/delete", {"name": "churn"}),
    ):
        with pytest.raises(DeniedError, match="server-refused"):
            server.ask(AUTHOR, method, path, body)
    # The gate itself may, with MLflow's own client, and nobody keeps its account afterwards.
    from workbench.experiment.store.models import set_alias

    run = tracking.start_run(shared, name="t", source="t.ipynb", tags={})
    registered = register(shared, run, "churn", "production")
    found = server.ask(AUTHOR, "GET", "registered-models/alias?name=churn&alias=production")["model_version"]
    assert (found["version"], found["run_id"]) == (registered, run)
    assert register(shared, run, "churn", "production") == registered
    with pytest.raises(WorkbenchError, match="Permission denied"):
        register(shared, "nobody-ran", "churn", "production")
    assert os.environ["MLFLOW_TRACKING_USERNAME"] == AUTHOR.name
    with pytest.raises(Exception, match=r"403|PERMISSION"):
        set_alias(shared, "churn", "production", number)
    again = setup_server(shared, ("churn",), admin_password="env:ADMIN_PASSWORD")
    assert again.is_enforced


def test_a_reader_asks_the_server_once_for_each_thing(server, shared, tmp_path, monkeypatch):
    """The server digests a password for each request: a review's 66 requests took minutes where it had much to do."""
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "a").write_text("a")
    run = tracking.start_run(shared, name="t", source="t.ipynb", tags={})
    tracking.log_artifacts(shared, run, tmp_path / "model", "models/m")
    (row,) = rows_of(shared, (run,))
    asked: list[str] = []
    send = requests.Session.send

    def counted(session, request, **settings):
        asked.append(f"{request.method} {urlsplit(request.url).path.rpartition('/mlflow')[2]}")
        return send(session, request, **settings)

    monkeypatch.setattr(requests.Session, "send", counted)
    got = download_model(shared, run, "m", tmp_path / "got", row.artifact_uri)
    assert (got / "a").read_text() == "a"
    listed = "GET -artifacts/artifacts"
    assert [each for each in asked if each != "GET /server-info"] == [
        *[listed] * 3,  # which models there are; whether this one is a folder; what is in it
        f"{listed}{urlsplit(row.artifact_uri).path}/models/m/a",
    ]
    asked.clear()
    assert read_artifact(shared, row.artifact_uri, "workbench/changes.patch") is None
    assert read_artifact(shared, row.artifact_uri, "models/m/a") == b"a"
    assert len(asked) == 1 + 3
    asked.clear()
    assert show_run(shared, run).artifacts == ("models/m/a",)
    names, runs, folders = "GET /experiments/get-by-name", "POST /runs/search", [listed] * 3
    assert asked == [names, *[runs] * 3, "GET /runs/get", *folders], "dead runs, which run, the run; its history"


def test_an_author_who_was_given_more_is_seen_and_mended(server, shared):
    setup_server(shared, ("later",), admin_password="env:ADMIN_PASSWORD")
    grant = {"username": AUTHOR.name, "resource_type": "registered_model", "resource_id": "later", "permission": "EDIT"}
    server.ask(BOSS, "POST", "users/permissions/grant", grant, version=3)
    assert not is_enforced(shared, "later")
    assert setup_server(shared, ("later",), admin_password="env:ADMIN_PASSWORD").is_enforced
    assert is_enforced(shared, "later")


def test_an_author_cannot_set_the_gate_up(shared, monkeypatch):
    monkeypatch.setenv("AUTHOR_PASSWORD", AUTHOR.password)
    with pytest.raises(DeniedError, match="server-refused"):
        setup_server(shared, ("mine",), admin="author", admin_password="env:AUTHOR_PASSWORD")


def test_a_server_that_does_not_answer_is_named(blank_project, monkeypatch):
    path = blank_project.root / "workbench.toml"
    path.write_text(
        path.read_text()
        + '\n[tracking]\nuri = "http://127.0.0.1:9"\n[gate]\naccount = "gate"\npassword = "env:GATE_PASSWORD"\n'
    )
    monkeypatch.setenv("GATE_PASSWORD", GATE)
    monkeypatch.setenv("ADMIN_PASSWORD", BOSS.password)
    project = Project(blank_project.root, load_config(path), blank_project.actor)
    trust_secrets(project, ("gate", "tracking"))
    before = project.journal.head()
    with pytest.raises(UnavailableError) as caught:
        setup_server(project, ("churn",), admin="admin", admin_password="env:ADMIN_PASSWORD")
    assert caught.value.code == "server-unreachable"
    assert caught.value.message == "http://127.0.0.1:9 does not answer: [Errno 111] Connection refused"
    assert caught.value.hint.endswith(": mlflow server --app-name basic-auth")
    assert BOSS.password not in str(caught.value)
    assert project.journal.head() == before


def test_without_a_server_there_is_nothing_to_enforce(blank_project):
    assert not is_enforced(blank_project, "churn")
    with pytest.raises(UsageError, match="server-local"):
        setup_server(blank_project, ("churn",))


@pytest.mark.slow
@pytest.mark.checklist("S2-26")
def test_a_release_that_the_server_guards_is_server_enforced(server, shared, site, kit, monkeypatch):
    """The run lies in a local store, which is not what this is about; the server is asked for real."""
    run = tracking.start_run(site.project, name="t", source="t.ipynb", tags={"workbench.models": '["fault"]'})
    tracking.log_artifacts(site.project, run, kit.plain, "models/fault")
    tracking.finish_run(site.project, run, "FINISHED")
    review = reviews.request_review(site.project, run, wait=True)
    reviewer = replace(site.project, actor="reviewer@example.com", key_path=site.reviewer_key)
    reviews.approve(reviewer, review.id)
    monkeypatch.setattr(releases, "is_enforced", lambda _, model: is_enforced(shared, model))
    assert setup_server(shared, ("fault",), admin_password="env:ADMIN_PASSWORD").is_enforced
    assert releases.release(reviewer, review.id).assurance == "server-enforced"
