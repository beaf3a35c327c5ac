"""Which verb lies where: the HTTP side of the table, without a server.

``review approve`` is ``POST /mlops-workbench/api/review/approve``; what only reads is a ``GET``. The OpenAPI
document, the TypeScript contract and the handlers all ask here, so they cannot disagree.
"""

from __future__ import annotations

from dataclasses import dataclass

from workbench.verbs import VERBS, Permission, Verb

NAMESPACE = "mlops-workbench"
"""First part of every path and of every resource name that an authorizer is asked about."""

API = f"/{NAMESPACE}/api"
OPENAPI_PATH = f"/{NAMESPACE}/openapi.json"
HELLO_PATH = f"{API}/hello"

LOCATION = "location"
"""Query parameter that names where the caller stands."""

_ACTIONS = {
    Permission.READ: "read",
    Permission.RUN: "execute",
    Permission.REVIEW: "write",
    Permission.RELEASE: "write",
    Permission.OPERATE: "execute",
}


@dataclass(frozen=True)
class Route:
    """One verb over HTTP.

    Attributes:
        verb: The row of the table.
        method: ``GET`` for what only reads, else ``POST``.
        path: Path below the server's base URL.
        action: What a Jupyter authorizer is asked to allow: ``read``, ``write`` or ``execute``.
        resource: On what: ``mlops-workbench:<permission>``.
    """

    verb: Verb
    method: str
    path: str
    action: str
    resource: str


def route_of(verb: Verb) -> Route:
    """Return a verb's route."""
    path = "/".join((API, *verb.words.split()))
    method = "GET" if verb.is_reading else "POST"
    return Route(verb, method, path, _ACTIONS[verb.permission], resource_of(verb.permission))


def resource_of(permission: Permission) -> str:
    """Return the name under which an authorizer knows a permission."""
    return f"{NAMESPACE}:{permission}"


def routes() -> tuple[Route, ...]:
    """Return the routes of all verbs, in the order of the table."""
    return tuple(route_of(verb) for verb in VERBS)
