"""A server that the repository names learns nothing of whoever clones it before they agree to that address."""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from workbench.compute.consent import list_secrets, trust_secrets
from workbench.experiment.runs import list_runs
from workbench.foundation.errors import DeniedError, StorageError, WorkbenchError
from workbench.foundation.project import Project


class Listener(BaseHTTPRequestHandler):
    """Somebody else's server, which keeps what it is told."""

    heard: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        Listener.heard.append(self.headers.get("Authorization", ""))
        self.send_error(403)

    do_POST = do_GET  # noqa: N815 - its name

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def listener(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "ada")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "geheim")
    Listener.heard.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Listener)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def branch(root: Path, more: str) -> Project:
    root.mkdir(exist_ok=True)
    (root / "workbench.toml").write_text(f'[project]\nname = "line"\n{more}')
    return Project.open(root, actor="ada@example.org")


def test_whoever_looks_at_runs_signs_in_nowhere_that_they_have_not_agreed_to(
    tmp_path: Path, listener: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORKBENCH_CONFIG_HOME", str(tmp_path / "me"))
    project = branch(tmp_path / "clone", f'[tracking]\nuri = "{listener}"\n')
    with pytest.raises(DeniedError, match=r"MLFLOW_TRACKING_\*.*127\.0\.0\.1.*secrets-untrusted") as caught:
        list_runs(project)
    assert caught.value.hint == "if it should: mlops secrets trust tracking"
    assert Listener.heard == []
    trust_secrets(project, ("tracking",))
    with pytest.raises(WorkbenchError):
        list_runs(project)
    assert Listener.heard[0].startswith("Basic "), "the planted server is told the password"
    elsewhere = branch(project.root, f'[tracking]\nuri = "{listener}/other"\n')
    with pytest.raises(DeniedError, match="secrets-untrusted"):
        list_runs(elsewhere)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"{listener}/other")  # named by the user themselves
    assert (elsewhere.tracking_uri, list_secrets(elsewhere)) == (f"{listener}/other", ())


@pytest.mark.parametrize("uri", ["sqlite:////data/team.db", "file:/data/mlruns", "/data/mlruns", "databricks", ""])
def test_what_leads_to_no_server_of_the_files_needs_nobody(tmp_path: Path, uri: str) -> None:
    assert list_secrets(branch(tmp_path / "clone", f'[tracking]\nuri = "{uri}"\n')) == ()


@pytest.mark.parametrize(
    "uri", ["HTTPS://elsewhere.example", "postgresql+psycopg://ada:geheim@elsewhere.example/runs", "databricks://x"]
)
def test_any_other_address_is_asked_about_and_shown_without_a_password(tmp_path: Path, uri: str) -> None:
    (use,) = list_secrets(branch(tmp_path / "clone", f'[tracking]\nuri = "{uri}"\n'))
    assert (use.section, use.is_trusted, "geheim" in repr(use)) == ("tracking", False, False)


def test_a_journal_elsewhere_is_asked_about_before_it_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORKBENCH_CONFIG_HOME", str(tmp_path / "me"))
    project = branch(tmp_path / "clone", '[journal]\nurl = "postgresql+psycopg://127.0.0.1:9/journal"\n')
    with pytest.raises(DeniedError, match=r"PGPASSWORD.*secrets-untrusted"):
        project.journal.head()
    trust_secrets(project, ("journal",))
    with pytest.raises(StorageError):
        project.journal.head()


@pytest.mark.parametrize("what", [".workbench/journal.db", ".workbench/sweeps/sw-1/input.ipynb", ".workbench"])
def test_state_that_came_with_a_branch_is_not_carried_on(tmp_path: Path, what: str) -> None:
    """Whoever lists jobs starts the controller of a sweep again that was left alone: a notebook would run."""
    project = branch(tmp_path / "clone", "")
    project.journal.head()
    if what == ".workbench":
        shutil.move(project.state_dir, tmp_path / "state")
        project.state_dir.symlink_to(tmp_path / "state")
    else:
        (project.root / what).parent.mkdir(parents=True, exist_ok=True)
        (project.root / what).touch()
    subprocess.run(["git", "-C", str(project.root), "init", "-q"], check=True)
    Project.open(project.root).journal.head()
    subprocess.run(["git", "-C", str(project.root), "add", "-f", what], check=True)
    with pytest.raises(DeniedError, match="state-in-repository"):
        Project.open(project.root).journal.head()
