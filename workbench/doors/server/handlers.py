"""Answer HTTP requests: one generic handler, made once for each row of the table.

Each handler states what its caller must be allowed to do, action and resource both, at its definition:
``@authorized`` keeps the first pair it ever saw, so one handler for all verbs could not leave them to the request.
Who acts is whoever runs the server, as in its kernels; a name in a request is never taken for an identity.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, cast

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler
from jupyter_server.utils import url_path_join
from tornado import web

import workbench
from workbench.contract.project import Hello
from workbench.doors.encoding import encode
from workbench.doors.server.problem import MEDIA_TYPE, problem_of
from workbench.doors.server.routes import (
    API,
    HELLO_PATH,
    LOCATION,
    OPENAPI_PATH,
    Route,
    resource_of,
    routes,
)
from workbench.doors.server.services import SETTING, Services
from workbench.doors.words.answers import encode_in
from workbench.foundation.errors import NotFoundError, UsageError, WorkbenchError, did_you_mean
from workbench.foundation.words.translation import language_of
from workbench.verbs import VERBS, Permission

_JUPYTERS_OWN = {"no_track_activity", "token", "_xsrf"}
_READ = resource_of(Permission.READ)
_Method = TypeVar("_Method", bound=Callable[..., Awaitable[None]])


def allowed(action: str, resource: str) -> Callable[[_Method], _Method]:
    """Let a method be called only by somebody who is logged in and may do ``action`` on ``resource``."""

    def decorate(method: _Method) -> _Method:
        return cast(_Method, web.authenticated(authorized(action, resource)(method)))

    return decorate


class WorkbenchHandler(APIHandler):
    """Base of all handlers: shared services, and errors as problems."""

    @property
    def services(self) -> Services:
        """What the handlers of this server share."""
        services: Services = self.settings[SETTING]
        return services

    @property
    def language(self) -> str:
        """Language that the panel is shown in, if there are words for it; empty for English."""
        return language_of(self.request.headers.get("Accept-Language", ""))

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Render what was raised; tornado has logged it already."""
        _, error, _ = kwargs.get("exc_info", (None, None, None))
        problem = problem_of(error or web.HTTPError(status_code))
        self.set_status(problem.status)
        self.finish(encode_in(problem, self.language), set_content_type=MEDIA_TYPE)

    def refuse(self, error: WorkbenchError) -> None:
        """Answer with an error that is no fault of the server."""
        self.log.info("%s %s: %s", self.request.method, self.request.path, error.code)
        self.write_error(error.http_status, exc_info=(type(error), error, None))


class VerbHandler(WorkbenchHandler):
    """Carry out one verb.

    Attributes:
        route: The verb and where it lies; set on the class made for it.
    """

    route: Route

    async def answer(self) -> None:
        """Call the verb in a thread and send what it returns."""
        services, verb = self.services, self.route.verb
        try:
            raw = self._query() if verb.is_reading else self._body()
            location = self.get_query_argument(LOCATION, "", strip=False)
            loop = asyncio.get_running_loop()
            asked = (verb, location, raw, self.language)
            threads = services.readers if verb.is_reading else services.threads
            answer = await loop.run_in_executor(threads, services.call, *asked)
        except WorkbenchError as error:
            self.refuse(error)
        else:
            self.finish(answer)

    def _query(self) -> dict[str, Any]:
        names = set(self.request.query_arguments) - _JUPYTERS_OWN - {LOCATION}
        # JupyterLab's client adds the time of day as a name without a value, lest a browser answer from its cache.
        return {name: self.get_query_arguments(name, strip=False) for name in sorted(names) if not name.isdigit()}

    def _body(self) -> dict[str, Any]:
        if misplaced := self._query():
            hint = "send the parameters as a JSON object in the body"
            raise UsageError("parameter-unknown", f"'{next(iter(misplaced))}' stands in the query of a POST", hint)
        try:
            body = json.loads(self.request.body or b"{}", object_pairs_hook=_distinct)
        except (ValueError, RecursionError):  # not UTF-8, not JSON, or deeper than anybody means
            raise UsageError("body-not-json", "The body is no JSON", "send the parameters as a JSON object") from None
        if not isinstance(body, dict):
            raise UsageError("body-not-json", "The body is no JSON object", "send the parameters as a JSON object")
        return body


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make an object; of two values for one name nobody knows which was meant."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise UsageError("body-not-json", "The body has a name twice", "send each parameter once")
    return found


def verb_handler(route: Route) -> type[VerbHandler]:
    """Make the handler of a route, which answers to its one method only."""

    @allowed(route.action, route.resource)
    async def respond(handler: VerbHandler) -> None:
        await handler.answer()

    name = "".join(word.capitalize() for word in route.verb.words.split()) + "Handler"
    # Looking is no activity: an open panel must not keep an idle server from being culled.
    members = {"route": route, route.method.lower(): respond, "_track_activity": not route.verb.is_reading}
    return type(name, (VerbHandler,), members)


class HelloHandler(WorkbenchHandler):
    """Tell the panel that the extension is there, and in which version."""

    _track_activity = False

    @allowed("read", _READ)
    async def get(self) -> None:
        """Send a :class:`Hello`."""
        self.finish(encode(Hello(workbench.__version__, self.services.has_events)))


class OpenApiHandler(WorkbenchHandler):
    """Serve the OpenAPI document of this very version."""

    _track_activity = False

    @allowed("read", _READ)
    async def get(self) -> None:
        """Send the document; made on the first request, in a thread."""
        loop = asyncio.get_running_loop()
        self.finish(await loop.run_in_executor(self.services.readers, _openapi_document))


class UnknownHandler(WorkbenchHandler):
    """Answer for paths that are no verb, with the nearest one."""

    _track_activity = False

    @allowed("read", _READ)
    async def get(self, words: str) -> None:
        """Refuse with ``verb-unknown``."""
        self._refuse(words)

    @allowed("read", _READ)
    async def post(self, words: str) -> None:
        """Refuse with ``verb-unknown``."""
        self._refuse(words)

    def _refuse(self, words: str) -> None:
        known = ("/".join(verb.words.split()) for verb in VERBS)
        self.refuse(NotFoundError("verb-unknown", f"There is no route '{words}'", did_you_mean(words, known)))


def handlers(base_url: str) -> list[tuple[str, type[WorkbenchHandler]]]:
    """Return every route of the extension below a server's base URL."""
    table: list[tuple[str, type[WorkbenchHandler]]] = [(route.path, verb_handler(route)) for route in routes()]
    table += [(HELLO_PATH, HelloHandler), (OPENAPI_PATH, OpenApiHandler), (API + "/(.*)", UnknownHandler)]
    return [(url_path_join(base_url, path), handler) for path, handler in table]


def _openapi_document() -> bytes:
    from workbench.doors.server.openapi import document

    return encode(document())
