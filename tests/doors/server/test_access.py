"""Nobody gets in unseen: every route asks who calls and whether that person may."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import pytest
from jupyter_server.auth import Authorizer
from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler
from jupyter_server.serverapp import JupyterServerAuthWarning, _has_tornado_web_authenticated
from tornado import web
from tornado.httpclient import HTTPClientError

from workbench.doors.server.routes import API, HELLO_PATH, OPENAPI_PATH, routes
from workbench.verbs import VERBS, Permission

EXPECTED_ACTION = {"read": "read", "run": "execute", "review": "write", "release": "write", "operate": "execute"}


def extension_rules(web_app) -> Iterator[tuple[str, type[web.RequestHandler]]]:
    """Every rule of the running server whose path is ours, wherever it was added."""

    def walk(router):
        for rule in router.rules:
            if hasattr(rule.target, "rules"):
                yield from walk(rule.target)
            elif "mlops-workbench" in getattr(getattr(rule.matcher, "regex", None), "pattern", ""):
                yield rule.matcher.regex.pattern, rule.target

    yield from walk(web_app.default_router)
    yield from walk(web_app.wildcard_router)


def own_methods(handler: type[web.RequestHandler]) -> list[str]:
    """The HTTP methods that the handler answers itself; OPTIONS is Jupyter's and tells nothing."""
    names = [name for name in web.RequestHandler.SUPPORTED_METHODS if name not in ("OPTIONS", "HEAD")]
    unimplemented = web.RequestHandler._unimplemented_method
    return [name for name in names if getattr(handler, name.lower()) is not unimplemented]


def faults(handler: type[web.RequestHandler]) -> list[str]:
    """What is missing at the methods of a handler."""
    found = []
    for name in own_methods(handler):
        method = getattr(handler, name.lower())
        if not _has_tornado_web_authenticated(method):
            found.append(f"{name} of {handler.__name__} is not authenticated")
        action, resource = explicit_authorisation(method)
        if action not in ("read", "write", "execute") or not str(resource).startswith("mlops-workbench:"):
            found.append(f"{name} of {handler.__name__} is not explicitly authorised")
    return found


def explicit_authorisation(method) -> tuple[object, object]:
    """The action and resource that ``@authorized`` was given, read from its closure; it also fills them in later."""
    while method is not None:
        if getattr(method, "__code__", None) and "authorized.<locals>" in method.__code__.co_qualname:
            known = inspect.getclosurevars(method).nonlocals
            return known.get("action"), known.get("resource")
        method = getattr(method, "__wrapped__", None)
    return None, None


class Bare(APIHandler):
    async def get(self):
        self.finish("{}")


class LoginOnly(APIHandler):
    @web.authenticated
    async def get(self):
        self.finish("{}")


class ImplicitlyAuthorised(APIHandler):
    @web.authenticated
    @authorized
    async def get(self):
        self.finish("{}")


@pytest.mark.parametrize("planted", [Bare, LoginOnly, ImplicitlyAuthorised])
def test_the_audit_catches_a_planted_fault(planted):
    assert faults(planted)


def test_a_planted_route_is_found_in_a_running_server(jp_serverapp):
    with pytest.warns(JupyterServerAuthWarning):
        jp_serverapp.web_app.add_handlers(".*$", [("/a%40b/mlops-workbench/api/planted", Bare)])
    found = [fault for _, handler in extension_rules(jp_serverapp.web_app) for fault in faults(handler)]
    assert found == ["GET of Bare is not authenticated", "GET of Bare is not explicitly authorised"]


@pytest.mark.checklist("S4-12")
def test_every_route_is_authenticated_and_explicitly_authorised(jp_serverapp, recwarn):
    rules = dict(extension_rules(jp_serverapp.web_app))
    assert len(rules) == len(VERBS) + 3  # and hello, the OpenAPI document, the unknown
    assert [fault for handler in rules.values() for fault in faults(handler)] == []
    assert all(own_methods(handler) for handler in rules.values())
    assert not [warning for warning in recwarn if "mlops-workbench" in str(warning.message)]


class DenyAll(Authorizer):
    """Remember what was asked and allow nothing."""

    asked: tuple[tuple[str, str], ...] = ()

    def is_authorized(self, handler, user, action, resource):
        self.asked = (*self.asked, (action, resource))
        return False


ALL = [(route.method, route.path, route.action, route.resource) for route in routes()]
ALL += [(method, API + "/nothing", "read", "mlops-workbench:read") for method in ("GET", "POST")]
ALL += [("GET", path, "read", "mlops-workbench:read") for path in (HELLO_PATH, OPENAPI_PATH)]


async def refused(fetch, method: str, path: str, **headers: str):
    body = {"body": "{}"} if method == "POST" else {}
    with pytest.raises(HTTPClientError) as caught:
        await fetch(*path.strip("/").split("/"), method=method, headers=dict(headers), **body)
    return caught.value.response


@pytest.mark.checklist("S4-12", "S0-11")
async def test_every_route_refuses_strangers_and_those_without_permission(jp_serverapp, jp_fetch):
    authorizer = DenyAll(parent=jp_serverapp)
    jp_serverapp.web_app.settings["authorizer"] = authorizer
    for method, path, action, resource in ALL:
        stranger = await refused(jp_fetch, method, path, Authorization="token wrong")
        assert stranger.code == 403, path
        assert authorizer.asked == (), "a stranger reached the authorizer"
        denied = await refused(jp_fetch, method, path)
        assert (denied.code, denied.headers["Content-Type"]) == (403, "application/problem+json"), path
        assert authorizer.asked == ((action, resource),), path
        authorizer.asked = ()


def test_actions_follow_from_permissions():
    assert {route.verb.permission: route.action for route in routes()} == {
        Permission(k): v for k, v in EXPECTED_ACTION.items()
    }
    assert all(route.resource == f"mlops-workbench:{route.verb.permission.value}" for route in routes())


@pytest.mark.checklist("S4-12")
async def test_a_cookie_without_its_xsrf_token_changes_nothing(
    jp_serverapp, jp_fetch, http_server_client, jp_base_url, root
):
    logged_in = await jp_fetch("mlops-workbench", "api", "hello")
    cookies = "; ".join(cookie.partition(";")[0] for cookie in logged_in.headers.get_list("Set-Cookie"))
    assert "username" in cookies
    url = f"{jp_base_url}mlops-workbench/api/init?location=work"
    with pytest.raises(HTTPClientError) as caught:
        await http_server_client.fetch(url, method="POST", body='{"folder": "sneaked"}', headers={"Cookie": cookies})
    assert caught.value.code == 403
    assert not (root.parent / "sneaked").exists()
