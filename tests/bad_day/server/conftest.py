"""A real Jupyter server whose root is the project of the bad day."""

from __future__ import annotations

import json
from typing import Any

import pytest
from jupyter_server.serverapp import ServerApp
from pytest_jupyter.jupyter_server import *  # noqa: F403 - here and not as a plugin: only these tests start a server
from tornado.httpclient import HTTPClientError
from traitlets.config import Config

from tests.bad_day.conftest import Place
from workbench.doors.server.guarding import Guard
from workbench.doors.server.services import SETTING
from workbench.verbs import find_verb


@pytest.fixture
def jp_root_dir(place: Place):
    return place.root


@pytest.fixture
def jp_server_config():
    extensions = {"workbench": True, "jupyter_server_terminals": False}
    return Config({"ServerApp": {"jpserver_extensions": extensions, "allow_unauthenticated_access": False}})


@pytest.fixture(autouse=True)
def no_guard(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the server's guard out: it notices the damage that is done here and rightly says so in the journal.

    What a refused command changes could then not be told from what the guard wrote; the guard has tests of its own.
    """
    monkeypatch.setattr(Guard, "look", lambda _self: None)


@pytest.fixture(autouse=True)
def stop_watching(jp_server_cleanup):
    """End what a real server's end would end: its threads."""
    yield
    if ServerApp.initialized() and (services := ServerApp.instance().web_app.settings.get(SETTING)):
        services.watch.stop()
        services.threads.shutdown()


@pytest.fixture
def ask(jp_serverapp, jp_fetch):
    async def call(verb: str, arguments: dict[str, Any] | None = None, body: str = "") -> tuple[int, dict[str, Any]]:
        parts = ("mlops-workbench", "api", *verb.split())
        query, posted = [], {}
        if find_verb(verb).is_reading:
            query = [
                (name, part)
                for name, value in (arguments or {}).items()
                for part in (value if isinstance(value, tuple) else (value,))
            ]
        else:
            posted = {"method": "POST", "body": body or json.dumps(arguments)}
        try:
            answer = await jp_fetch(*parts, params=query, **posted)
        except HTTPClientError as error:
            answer = error.response
        return answer.code, json.loads(answer.body)

    return call
