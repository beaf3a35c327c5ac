"""Errors as HTTP says them: ``application/problem+json`` with the same code, message and hint as every other door."""

from __future__ import annotations

from http import HTTPStatus

from tornado.web import HTTPError

from workbench.contract.project import Problem
from workbench.foundation.errors import WorkbenchError

MEDIA_TYPE = "application/problem+json"

_CODES = {
    HTTPStatus.FORBIDDEN: "not-allowed",
    HTTPStatus.NOT_FOUND: "route-unknown",
    HTTPStatus.METHOD_NOT_ALLOWED: "method-not-allowed",
}

_HINTS = {
    HTTPStatus.FORBIDDEN: "log in again, or reload the page",
    HTTPStatus.METHOD_NOT_ALLOWED: "GET what only reads, POST what acts: /mlops-workbench/openapi.json says which",
}


def problem_of(error: BaseException | None) -> Problem:
    """Return what a client is told of an error; of one nobody foresaw, nothing but that it happened."""
    if isinstance(error, WorkbenchError):
        return Problem(error.code, error.message, error.hint, error.http_status)
    if isinstance(error, HTTPError) and error.status_code < HTTPStatus.INTERNAL_SERVER_ERROR:
        return _refused(error)
    return Problem(
        "internal-error",
        "The server met an error that nobody foresaw",
        "the server's log has the details: look at the terminal that runs jupyter",
        HTTPStatus.INTERNAL_SERVER_ERROR,
    )


def _refused(error: HTTPError) -> Problem:
    status = HTTPStatus(error.status_code)
    hint = _HINTS.get(status, "")
    message = (error.log_message or "").replace("%%", "%") or error.reason or status.phrase
    return Problem(_CODES.get(status, "request-refused"), message.rstrip("."), hint, status)
