"""Which request gets which answer.

The served model is read once per request, so an answer's body and its identity headers come from one version.
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable
from urllib.parse import quote, unquote

import orjson

import workbench
from workbench.foundation.errors import NotFoundError, UnavailableError, WorkbenchError, did_you_mean
from workbench.serving.channel import ChannelName
from workbench.serving.runner import inference, scoring
from workbench.serving.runner.figures import Figures
from workbench.serving.runner.follower import Follower
from workbench.serving.runner.http import Request
from workbench.serving.runner.openapi import openapi_document
from workbench.serving.runner.prediction_log import PredictionLog
from workbench.serving.runner.problems import Response, problem, problem_of
from workbench.serving.runner.served import NO_MODEL_HEADERS, Served

_Handler = Callable[[Request, Served | None], Response]

_OPEN_TO_PROBES = frozenset(("/ping", "/health", "/v2/health/live", "/v2/health/ready"))
_JSON_TYPES = (b"application/json", b"application/vnd.api+json")


class Application:
    """Answer requests about one channel.

    Attributes:
        is_draining: Whether the process is on its way out: not ready, and every answer closes its connection.
    """

    def __init__(
        self, channel: ChannelName, follower: Follower, figures: Figures, log: PredictionLog, token: str = ""
    ) -> None:
        self.is_draining = False
        self._channel = channel
        self._follower = follower
        self._figures = figures
        self._log = log
        self._credential = f"Bearer {token}".encode() if token else b""
        self._openapi = openapi_document(channel.model, str(channel))
        self._base = f"/v2/models/{quote(channel.model)}"
        self._gets: dict[str, _Handler] = {
            "/ping": self._ready,
            "/health": self._ready,
            "/version": self._version,
            "/v2": self._server,
            "/v2/health/live": self._live,
            "/v2/health/ready": self._ready,
            self._base: self._model,
            f"{self._base}/ready": self._ready,
            "/metrics": self._metrics,
            "/workbench/figures": self._show_figures,
            "/openapi.json": self._show_openapi,
        }
        self._posts: dict[str, _Handler] = {"/invocations": self._score, f"{self._base}/infer": self._infer}

    def answer(self, request: Request) -> Response:
        """Answer one request."""
        started = time.perf_counter()
        served = self._follower.served
        path, is_prediction = request.path, False
        try:
            if self._credential and path not in _OPEN_TO_PROBES:
                self._check_token(request)
            handler = self._posts.get(path) if request.method == "POST" else None
            if handler:
                is_prediction = True
                response = handler(request, served)
            else:
                response = self._answer_other(request, served)
        except _TokenError:
            hint = "send: Authorization: Bearer <token>"
            response = problem(
                401, "token-wrong", "The token is missing or wrong", hint, b"\r\nwww-authenticate: Bearer"
            )
        except WorkbenchError as error:
            response = problem_of(error)
        response.headers += served.headers if served else NO_MODEL_HEADERS
        if is_prediction:
            self._figures.count(response.status, time.perf_counter() - started)
        return response

    def identify(self) -> bytes:
        """Return the identity headers of an answer that no model gave."""
        return self._follower.headers

    def _answer_other(self, request: Request, served: Served | None) -> Response:
        """Answer what is no prediction on the usual path: reads, other spellings of a path, mistakes."""
        path = self._spelled_plainly(unquote(request.path), served)
        if request.method in ("GET", "HEAD") and (handler := self._gets.get(path)):
            return handler(request, served)
        if request.method == "POST" and (handler := self._posts.get(path)):
            return handler(request, served)
        allowed = "GET, HEAD" if path in self._gets else "POST" if path in self._posts else ""
        if allowed:
            message = f"{request.method} is not for {path}"
            return problem(405, "method-not-allowed", message, f"use {allowed}", f"\r\nallow: {allowed}".encode())
        if path.startswith("/v2/models/") and not path.startswith(self._base):
            name = path.split("/")[3]
            raise NotFoundError("model-unknown", f"There is no model '{name}' here", f"it is '{self._channel.model}'")
        raise NotFoundError("path-unknown", f"There is no {path}", did_you_mean(path, (*self._gets, *self._posts)))

    def _spelled_plainly(self, path: str, served: Served | None) -> str:
        """Return the path as the tables have it: model name quoted, version checked and left out."""
        plain, quoted = f"/v2/models/{self._channel.model}", self._base
        if path == plain or path.startswith(f"{plain}/"):
            path = quoted + path[len(plain) :]
        if path.startswith(f"{quoted}/versions/"):
            version, _, rest = path[len(quoted) + len("/versions/") :].partition("/")
            if served is None or version != str(served.version):
                now = str(served.version) if served else "none"
                raise NotFoundError("version-unknown", f"Version '{version}' does not answer here", f"it is {now}")
            path = f"{quoted}/{rest}" if rest else quoted
        return path if path == "/" else path.rstrip("/")

    def _check_token(self, request: Request) -> None:
        if not hmac.compare_digest(request.authorization, self._credential):
            raise _TokenError

    def _needed(self, served: Served | None) -> Served:
        if served is None:
            why = f": {self._follower.refusal}" if self._follower.refusal else ""
            raise UnavailableError(
                "model-none", f"No release answers on {self._channel}{why}", "release one: mlops release <review>"
            )
        return served

    # predictions

    def _score(self, request: Request, served: Served | None) -> Response:
        model = self._needed(served)
        if refusal := _refuse_type(request):
            return refusal
        rows = scoring.read_rows(request.body, model.features, model.optional)
        answer = model.engine.predict(rows)
        body = scoring.write_answer(answer, model)
        self._figures.rows += len(rows)
        self._log.append(model, rows, answer.values)
        return Response(200, body)

    def _infer(self, request: Request, served: Served | None) -> Response:
        model = self._needed(served)
        if refusal := _refuse_type(request):
            return refusal
        rows, request_id, wanted = inference.read_request(request.body, model)
        answer = model.engine.predict(rows)
        body = inference.write_answer(answer, model, request_id, wanted)
        self._figures.rows += len(rows)
        self._log.append(model, rows, answer.values)
        return Response(200, body)

    # reads

    def _ready(self, request: Request, served: Served | None) -> Response:
        model = self._needed(served)
        if self.is_draining:
            hint = f"ask another one, or start it again: mlops serve {self._channel}"
            raise UnavailableError("runner-stopping", "The runner is stopping", hint)
        if request.path in ("/ping", "/health"):
            return Response(200, b"\n", b"text/plain")
        return Response(200, orjson.dumps({"name": model.manifest.name, "ready": True}))

    def _live(self, request: Request, served: Served | None) -> Response:  # noqa: ARG002
        return Response(200, b'{"live":true}')

    def _version(self, request: Request, served: Served | None) -> Response:  # noqa: ARG002
        body = {
            "runner": workbench.__version__,
            "channel": str(self._channel),
            "version": served.version if served else 0,
            "release": served.release if served else "",
            "model_digest": served.model_digest if served else "",
        }
        return Response(200, orjson.dumps(body))

    def _server(self, request: Request, served: Served | None) -> Response:  # noqa: ARG002
        return Response(
            200, orjson.dumps({"name": "mlops-workbench", "version": workbench.__version__, "extensions": []})
        )

    def _model(self, request: Request, served: Served | None) -> Response:  # noqa: ARG002
        return Response(200, orjson.dumps(inference.model_metadata(self._needed(served))))

    def _metrics(self, request: Request, served: Served | None) -> Response:  # noqa: ARG002
        body = self._figures.as_prometheus(self._follower, self._log)
        return Response(200, body, b"text/plain; version=0.0.4; charset=utf-8")

    def _show_figures(self, request: Request, served: Served | None) -> Response:  # noqa: ARG002
        return Response(200, orjson.dumps(self._figures.as_json(self._follower, self._log)))

    def _show_openapi(self, request: Request, served: Served | None) -> Response:  # noqa: ARG002
        return Response(200, self._openapi)


class _TokenError(Exception):
    """The bearer token is missing or wrong."""


def _refuse_type(request: Request) -> Response | None:
    """Refuse a body that is not declared as JSON.

    A web page can make a browser post other types, or none, to loopback without asking; it cannot do that with this
    one. Other callers may leave the type out.
    """
    kind = request.content_type.partition(b";")[0].strip()
    if kind in _JSON_TYPES or not (kind or request.is_from_page):
        return None
    message = f"The body is {kind.decode('latin-1') or 'of no type'}, not JSON"
    return problem(415, "media-type-unknown", message, "send: Content-Type: application/json")
