"""A real Jupyter server with the extension, and a small project below its root."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from jupyter_server.serverapp import ServerApp
from pytest_jupyter.jupyter_server import *  # noqa: F403 - here and not as a plugin: only these tests start a server
from tornado.httpclient import HTTPClientError
from traitlets.config import Config

from workbench.doors.server.services import SETTING
from workbench.foundation.project import Project


@dataclass(frozen=True)
class Answer:
    """What the server said."""

    status: int
    media_type: str
    body: Any


@pytest.fixture
def jp_server_config():
    return Config(
        {
            "ServerApp": {
                "jpserver_extensions": {"workbench": True, "jupyter_server_terminals": False},
                "allow_unauthenticated_access": False,
            }
        }
    )


@pytest.fixture(autouse=True)
def stop_watching(jp_server_cleanup):
    """End what a real server's end would end: its threads."""
    yield
    if ServerApp.initialized() and (services := ServerApp.instance().web_app.settings.get(SETTING)):
        services.watch.stop()
        services.threads.shutdown()
        services.readers.shutdown()


@pytest.fixture
def root(jp_root_dir, monkeypatch) -> Path:
    """The root of a project that lies in a folder of the server's root."""
    monkeypatch.setenv("WORKBENCH_ACTOR", "author@example.org")
    return make_project(jp_root_dir / "work" / "shuttle")


@pytest.fixture
def project(root) -> Project:
    return Project.open(root)


@pytest.fixture
def ask(jp_serverapp, jp_fetch):
    """Call a route and take errors as answers: ``await ask("runs/show", run="x")``; a body makes it a POST."""

    async def call(route: str, *, body: Any = None, path: str = "work/shuttle", **query: Any) -> Answer:
        pairs = [("location", path)] if path else []
        for name, value in query.items():
            pairs += [(name, part) for part in (value if isinstance(value, list) else [value])]
        posted = {} if body is None else {"method": "POST", "body": body if isinstance(body, str) else json.dumps(body)}
        parts = ("mlops-workbench", *(["api", *route.split("/")] if route != "openapi.json" else [route]))
        try:
            response = await jp_fetch(*parts, params=pairs or None, **posted)
        except HTTPClientError as error:
            response = error.response
        return Answer(response.code, response.headers["Content-Type"], json.loads(response.body))

    return call


def make_project(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "workbench.toml").write_text('[project]\nname = "shuttle"\n')
    return folder
