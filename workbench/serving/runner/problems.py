"""Errors as ``application/problem+json``: the same code, message and hint as through every other door.

``error`` repeats the message because Open Inference Protocol clients look there.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from http import HTTPStatus

import orjson

from workbench.foundation.errors import WorkbenchError

JSON = b"application/json"
PROBLEM = b"application/problem+json"


@dataclass(slots=True)
class Response:
    """An answer before it is written.

    Attributes:
        status: HTTP status.
        body: Its bytes.
        content_type: Media type.
        headers: Further header lines, each beginning with CRLF.
    """

    status: int
    body: bytes
    content_type: bytes = JSON
    headers: bytes = field(default=b"")


def problem(status: int, code: str, message: str, hint: str = "", headers: bytes = b"") -> Response:
    """Build a problem answer."""
    body = {
        "type": f"urn:mlops-workbench:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "message": message,
        "hint": hint,
        "error": message,
    }
    return Response(status, orjson.dumps(body), PROBLEM, headers)


def problem_of(error: WorkbenchError) -> Response:
    """Build the problem answer of an error."""
    return problem(error.http_status, error.code, error.message, error.hint)
