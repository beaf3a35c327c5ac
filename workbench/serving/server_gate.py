"""A shared tracking server (``mlflow server --app-name basic-auth``) where only the gate's account moves models.

The gate's account registers the models, so MLflow lets it manage them; everybody else may read. People log runs as
before, with accounts of their own, and whatever they try with an alias, a version or a tag is refused by the server.
A release then counts as ``server-enforced`` where the server was just seen to refuse the one who releases.

Administrators of the server can do anything; that is theirs to answer for, and they are listed.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from typing import Any

from workbench.compute.consent import check_consent
from workbench.contract.gate import ServerGate, ServerUser
from workbench.execute.secrets import parse_source
from workbench.execute.travelling.secret import SecretMissingError, read_secret
from workbench.foundation.errors import DeniedError, UnavailableError, UsageError
from workbench.foundation.project import Project

USER, PASSWORD = "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"
ADMIN_SOURCE = "env:MLFLOW_AUTH_ADMIN_PASSWORD"  # where it lies, not what it is
_MODEL = "registered_model"
_MOVING = {"EDIT", "MANAGE", "ADMIN"}
_TIMEOUT_S = 60


@dataclass(frozen=True)
class Account:
    """A user of the server and their password, held in memory alone."""

    name: str
    password: str

    @property
    def header(self) -> str:
        """Return the value of ``Authorization``."""
        return "Basic " + base64.b64encode(f"{self.name}:{self.password}".encode()).decode()


def setup_server(
    project: Project,
    models: tuple[str, ...],
    admin: str = "admin",
    admin_password: str = ADMIN_SOURCE,
) -> ServerGate:
    """Have a shared tracking server let only the gate's account touch these models; doing it again mends what slipped.

    Makes the account where it is missing, registers the models with it, and takes other users' grants on them away.

    Args:
        project: The project; ``[gate]`` in workbench.toml names the account and where its password comes from.
        models: Names of the models.
        admin: An administrator of the server.
        admin_password: Where their password comes from: ``env:NAME``, ``file:/path``, ``keyring:service/user``.

    Raises:
        UsageError: ``server-local``, ``gate-account-missing`` or ``secret-source-unknown``.
        DeniedError: ``server-refused``.
        UnavailableError: ``server-unreachable`` or ``secret-missing``.
    """
    server = _server(project)
    if not models:
        raise UsageError("argument-missing", "No model is named", "mlops gate server-setup <model>")
    gate = _gate_account(project)
    boss = Account(admin, _secret("admin_password", admin_password))
    users = {str(user["username"]): bool(user["is_admin"]) for user in _ask(server, boss, "GET", "users/list")["users"]}
    if gate.name not in users:
        _ask(server, boss, "POST", "users/create", {"username": gate.name, "password": gate.password})
    for model in models:
        _register(server, gate, model)
        _grant(server, boss, model, gate.name, "MANAGE")
        for user, is_admin in users.items():
            if user != gate.name and not is_admin:
                _grant(server, boss, model, user, "")
    found = tuple(
        _may(server, boss, model, user, is_admin)
        for model in models
        for user, is_admin in sorted(users.items())
        if user != gate.name
    )
    others = [item for item in found if item.permission != "ADMIN"]
    return ServerGate(server, gate.name, models, found, is_enforced=not any(item.may_move for item in others))


def is_enforced(project: Project, model: str) -> bool:
    """Tell whether the server refuses the one who acts here to touch a registered model.

    Asks for a change that changes nothing, with their own account; a server that grants it enforces nothing.
    """
    own = Account(os.environ.get(USER, ""), os.environ.get(PASSWORD, ""))
    if not project.config.gate.account or not project.tracking_uri.startswith("http"):
        return False
    if not own.name or own.name == project.config.gate.account:
        return False
    try:
        server = _server(project)
        _ask(
            server, own, "GET", f"users/get?username={urllib.parse.quote(own.name)}"
        )  # else a wrong password is refused
    except (DeniedError, UnavailableError):
        return False
    try:
        path = f"registered-models/get?name={urllib.parse.quote(model)}"
        described = _ask(server, own, "GET", path)["registered_model"].get("description", "")
        _ask(server, own, "PATCH", "registered-models/update", {"name": model, "description": described})
    except DeniedError as error:
        return error.code == "server-refused"
    except (UnavailableError, KeyError):
        return False
    return False


def gate_account(project: Project) -> Account | None:
    """Return the account that the gate has on the server; None where there is none.

    Raises:
        UnavailableError: ``secret-missing``.
        DeniedError: ``secrets-untrusted``.
    """
    if not project.config.gate.account or not project.tracking_uri.startswith("http"):
        return None
    return _gate_account(project)


def _server(project: Project) -> str:
    uri = project.tracking_uri.rstrip("/")
    if not uri.startswith(("http://", "https://")):
        raise UsageError(
            "server-local",
            "The runs lie in a local store, where nobody can be kept from anything",
            'set uri = "https://…" under [tracking] in workbench.toml',
        )
    return uri


def _gate_account(project: Project) -> Account:
    given = project.config.gate
    if not given.account or not given.password:
        raise UsageError(
            "gate-account-missing",
            "workbench.toml names no account for the gate",
            '[gate] account = "gate", password = "env:MLOPS_GATE_PASSWORD"',
        )
    check_consent(project, "gate")
    return Account(given.account, _secret("password", given.password))


def _secret(name: str, source: str) -> str:
    parse_source(name, source)
    try:
        return read_secret(name, source)
    except SecretMissingError as error:
        raise UnavailableError("secret-missing", str(error), "provide it where the source says") from error


def _register(server: str, gate: Account, model: str) -> None:
    try:
        _ask(server, gate, "POST", "registered-models/create", {"name": model})
    except DeniedError as error:
        if error.code != "server-exists":
            raise


def _grant(server: str, boss: Account, model: str, user: str, permission: str) -> None:
    """Give a user this permission on a model, in place of what they had; an empty one only takes that away."""
    on = {"username": user, "resource_type": _MODEL, "resource_id": model}
    with contextlib.suppress(DeniedError):  # there was nothing to take away
        _ask(server, boss, "POST", "users/permissions/revoke", on, version=3)
    if permission:
        _ask(server, boss, "POST", "users/permissions/grant", {**on, "permission": permission}, version=3)


def _may(server: str, boss: Account, model: str, user: str, is_admin: bool) -> ServerUser:
    if is_admin:
        return ServerUser(model, user, "ADMIN", may_move=True)
    query = urllib.parse.urlencode({"username": user, "resource_type": _MODEL, "resource_id": model})
    permission = str(_ask(server, boss, "GET", f"users/permissions/get?{query}", version=3)["permission"])
    return ServerUser(model, user, permission, permission in _MOVING)


def _ask(
    server: str, account: Account, method: str, path: str, body: dict[str, str] | None = None, *, version: int = 2
) -> Any:
    """Ask MLflow's REST interface as somebody.

    Raises:
        DeniedError: ``server-refused`` (401, 403), ``server-exists``, or ``server-rejected`` for anything else it says.
        UnavailableError: ``server-unreachable``.
    """
    request = urllib.request.Request(  # noqa: S310 - the scheme was looked at
        f"{server}/api/{version}.0/mlflow/{path}",
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": account.header, "Content-Type": "application/json"},
        method=method,
    )
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:  # noqa: S310
            return json.loads(answer.read() or b"{}")
    except urllib.error.HTTPError as error:
        said = error.read().decode("utf-8", "replace")
        code = "server-refused" if error.code in (401, 403) else "server-rejected"
        code = "server-exists" if "RESOURCE_ALREADY_EXISTS" in said else code
        what = path.partition("?")[0]
        message = f"The server answers {error.code} to '{what}' by {account.name}: {said[:200]}"
        raise DeniedError(code, message, "ask the server's administrator") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        hint = "start it, or mend uri under [tracking] in workbench.toml: mlflow server --app-name basic-auth"
        raise UnavailableError("server-unreachable", f"{server} does not answer: {reason}", hint) from error
