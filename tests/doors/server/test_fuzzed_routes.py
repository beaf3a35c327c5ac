"""Every route of a real server, with inputs made from its own OpenAPI document, as four kinds of people.

Schemathesis makes the inputs. Nobody without permission gets an answer; whoever has it gets one of the documented kind,
whatever they send, and never a server error.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance

from workbench.doors.server.openapi import document
from workbench.verbs import VERBS, Permission

CONFIG = '''
from jupyter_server.auth import Authorizer, IdentityProvider, User

MAY = {
    "author": {"read", "run"},
    "reviewer": {"read", "review"},
    "operator": {"read", "release", "operate"},
}


class People(IdentityProvider):
    """Who has whose token."""

    async def get_user(self, handler):
        name = handler.request.headers.get("Authorization", "").removeprefix("token ")
        handler._token_authenticated = name in MAY
        return User(name) if name in MAY else None

    @property
    def auth_enabled(self):
        return True


class Roles(Authorizer):
    """Who may do what."""

    def is_authorized(self, handler, user, action, resource):
        return resource.removeprefix("mlops-workbench:") in MAY[user.username]


c.ServerApp.identity_provider_class = People
c.ServerApp.authorizer_class = Roles
c.ServerApp.jpserver_extensions = {"workbench": True, "jupyter_server_terminals": False}
c.ServerApp.allow_unauthenticated_access = False
'''
MAY = {
    "anonymous": set(),
    "author": {"read", "run"},
    "reviewer": {"read", "review"},
    "operator": {"read", "release", "operate"},
}
SCHEMA = schemathesis.openapi.from_dict(document())
OPERATIONS = [result.ok() for result in SCHEMA.get_all_operations()]
# These start something that outlives the request, or look at the whole machine; bad input is tried elsewhere.
UNTRIED = {"/doctor", "/reproduce", "/store/tune"}


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[str]:
    """A real Jupyter server with a project in its root, and people with roles."""
    root = tmp_path_factory.mktemp("served")
    (root / "workbench.toml").write_text('[project]\nname = "served"\n')
    config = root.parent / "server_config.py"
    config.write_text(CONFIG)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "jupyter_server", f"--config={config}", f"--ServerApp.port={port}", "--no-browser"]
    command += ["--ServerApp.ip=127.0.0.1", f"--ServerApp.root_dir={root}", "--allow-root"]
    home = tmp_path_factory.mktemp("home")
    environment = {**os.environ, "HOME": str(home), "JUPYTER_RUNTIME_DIR": str(home), "NO_PROXY": "127.0.0.1"}
    with (
        (root.parent / "server.log").open("w") as log,
        subprocess.Popen(command, cwd=root, stdout=log, stderr=log, env=environment, start_new_session=True) as process,
    ):
        url = f"http://127.0.0.1:{port}"
        try:
            await_server(url, process, root.parent / "server.log")
            yield url
        finally:
            os.killpg(process.pid, 9)


def await_server(url: str, process: subprocess.Popen, log: Path) -> None:
    deadline = time.monotonic() + 120
    while True:
        try:
            urllib.request.urlopen(f"{url}/mlops-workbench/api/hello", timeout=5).close()
        except urllib.error.HTTPError:
            return  # it answers, if only that it does not know us
        except OSError:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.2)
        else:
            raise AssertionError("anonymous got an answer")


def permission(operation) -> str:
    return str(operation.definition.raw.get("x-mlops-workbench-permission", "read"))


def call(server: str, operation, who: str) -> int:
    """Send the plainest request there is and return the status."""
    headers = {"Authorization": f"token {who}"} if who != "anonymous" else {}
    body = b"{}" if operation.method.upper() == "POST" else None
    if body is not None:
        headers["Content-Type"] = "application/json"
    request = urllib.request.Request(server + operation.path, body, headers, method=operation.method.upper())
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


@pytest.mark.checklist("S4-12", "S0-11")
@pytest.mark.parametrize("who", MAY)
def test_nobody_gets_past_what_they_may_do(server, who):
    refused = [o for o in OPERATIONS if permission(o) not in MAY[who]]
    assert {permission(o) for o in OPERATIONS} <= {p.value for p in Permission}
    verbs = {f"/{verb.words.replace(' ', '/')}" for verb in VERBS}
    assert verbs >= UNTRIED, "what is left out has to be there"
    assert verbs <= {o.path.partition("/api")[2] for o in OPERATIONS}
    statuses = {f"{o.method} {o.path}": call(server, o, who) for o in refused}
    assert {name: status for name, status in statuses.items() if status != 403} == {}
    assert len(refused) > 10


@pytest.mark.slow
@pytest.mark.checklist("S4-12")
@pytest.mark.parametrize("who", ["author", "reviewer", "operator"])
def test_whatever_is_sent_gets_a_documented_answer(server, who):
    tried, wrong = 0, []
    mine = [o for o in OPERATIONS if permission(o) in MAY[who] - ({"read"} if who != "author" else set())]
    for operation in mine:
        if any(operation.path.endswith(path) for path in UNTRIED):
            continue

        @seed(1)
        @settings(
            max_examples=2,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def look(case) -> None:
            nonlocal tried
            tried += 1
            response = case.call(base_url=server, headers={"Authorization": f"token {who}"}, timeout=60)
            try:
                case.validate_response(
                    response, checks=[not_a_server_error, content_type_conformance, response_schema_conformance]
                )
            except Exception as error:  # noqa: BLE001 - all that is wrong is told at once
                wrong.append(
                    f"{case.method} {case.path}: {response.status_code} {response.text[:200]} {str(error)[:200]}"
                )

        look()
    sys.stdout.write(f"{who}: {tried} requests to {len(mine)} routes\n")
    assert wrong == []
    assert tried >= len(mine) // 2
