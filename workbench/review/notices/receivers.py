"""Where notices go: a webhook, a Slack channel, a mailbox.

Addresses and passwords are sources (``env:``, ``file:``, ``keyring:``, ``vault:``), read when they are used; they never
stand in ``workbench.toml``, and nothing of them appears in an error.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import ipaddress
import json
import re
import smtplib
import ssl
import time
import urllib.error
import urllib.request
from dataclasses import asdict
from email.message import EmailMessage
from urllib.parse import urlsplit

from workbench.execute.secrets import parse_source
from workbench.execute.travelling.secret import SecretMissingError, read_secret
from workbench.foundation.config import NoticeSection
from workbench.foundation.errors import UnavailableError, UsageError, did_you_mean
from workbench.review.notices.message import Message

TIMEOUT_S = 10
KINDS = ("webhook", "slack", "mail")
_NAME = re.compile(r"\w[\w.-]{0,63}")
SIGNATURE, DELIVERY = "X-Workbench-Signature", "X-Workbench-Delivery"


def check_receiver(name: str, given: NoticeSection) -> None:
    """Refuse a receiver that could never be told anything.

    Raises:
        UsageError: ``notice-malformed``, ``secret-source-unknown``, or ``notice-insecure``: a password would go over
            the network for all to read.
    """
    if not is_name(name):
        said = f"'{name[:40]}' is no name for a receiver: a file is called so"
        raise UsageError("notice-malformed", said, "write letters, digits, - and _: [notices.chat]")
    if given.kind not in KINDS:
        raise UsageError("notice-malformed", f"[notices.{name}] is of no known kind", did_you_mean(given.kind, KINDS))
    needed = {"mail": ("server", "sender", "to")}.get(given.kind, ("url",))
    for key in needed:
        if not getattr(given, key):
            raise UsageError("notice-malformed", f"[notices.{name}] says no '{key}'", f'add: {key} = "…"')
    if given.kind == "mail" and given.user and not given.starttls and not _is_loopback(_address(given.server)[0]):
        reason = f"[notices.{name}] would log in to {given.server} over a connection that is not encrypted"
        raise UsageError("notice-insecure", reason, "write: starttls = true")
    for key in ("url", "secret", "password"):
        if getattr(given, key):
            parse_source(key, getattr(given, key))


def is_name(name: str) -> bool:
    """Tell whether a receiver may be called so: its cursor is a file of that name, in a folder of the project's own."""
    return bool(_NAME.fullmatch(name))


def _address(server: str) -> tuple[str, str]:
    """Return host and port of ``host``, ``host:port`` or ``[::1]:port``."""
    if server.startswith("["):
        host, _, rest = server[1:].partition("]")
        return host, rest.removeprefix(":")
    host, _, port = server.partition(":")
    return host, port


def _is_loopback(host: str) -> bool:
    """Tell whether nothing sent to a host leaves this machine; of names only ``localhost`` is believed."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def send(name: str, given: NoticeSection, message: Message) -> None:
    """Tell a receiver.

    Raises:
        UsageError: It is not configured as it must be.
        UnavailableError: ``notice-refused``: it did not take the message; nothing of its address is said.
    """
    check_receiver(name, given)
    try:
        if given.kind == "mail":
            _send_mail(given, message)
        else:
            _post(name, given, message)
    except SecretMissingError as error:
        raise UnavailableError(
            "notice-refused", f"'{name}': {error}", "provide it, then: mlops notices send"
        ) from error
    except urllib.error.HTTPError as error:
        reason = f"'{name}' answered {error.code}"
        raise UnavailableError("notice-refused", reason, "it is tried again by itself: mlops notices") from None
    except (OSError, http.client.HTTPException, smtplib.SMTPException, ValueError) as error:
        reason = f"'{name}' cannot be reached ({type(error).__name__})"
        raise UnavailableError("notice-refused", reason, "it is tried again by itself: mlops notices") from None


def signature_of(secret: str, body: bytes, at: int) -> str:
    """Return what proves to a receiver who sent a body, and when: ``t=<unix>,v1=<HMAC-SHA256 of "t.body">``."""
    mac = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={mac}"


def _post(name: str, given: NoticeSection, message: Message) -> None:
    url = read_secret("url", given.url)
    if urlsplit(url).scheme not in ("http", "https"):
        raise ValueError("no http address")
    body = json.dumps(_slack(message) if given.kind == "slack" else asdict(message), ensure_ascii=False).encode()
    headers = {"Content-Type": "application/json; charset=utf-8", DELIVERY: f"{name}-{message.seq}"}
    if given.secret:
        headers[SIGNATURE] = signature_of(read_secret("secret", given.secret), body, int(time.time()))
    request = urllib.request.Request(url, data=body, headers=headers, method="POST")  # noqa: S310 - looked at above
    with _OPENER.open(request, timeout=TIMEOUT_S) as answer:
        answer.read(1)


class _StayHere(urllib.request.HTTPRedirectHandler):
    """Take a redirect for a refusal: it would be followed without the message, to where nobody agreed to."""

    def redirect_request(self, *_: object) -> None:
        """Go nowhere."""


_OPENER = urllib.request.build_opener(_StayHere)


def _slack(message: Message) -> dict[str, object]:
    """Return Slack's own format; the text alone is what a phone shows."""
    told = message.text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    context = f"{message.project} · {message.kind} · {message.at[:16].replace('T', ' ')} UTC"
    blocks: list[dict[str, object]] = [{"type": "section", "text": {"type": "mrkdwn", "text": told}}]
    if message.command:
        blocks.append({"type": "section", "text": {"type": "mrkdwn", "text": f"`{message.command}`"}})
    blocks.append({"type": "context", "elements": [{"type": "mrkdwn", "text": context}]})
    return {"text": told, "blocks": blocks}


def _send_mail(given: NoticeSection, message: Message) -> None:
    mail = EmailMessage()
    mail["Subject"] = f"[{message.project}] {message.text}".replace("\r", " ").replace("\n", " ")
    mail["From"], mail["To"] = given.sender, ", ".join(given.to)
    mail["Message-ID"] = f"<workbench-{message.seq}-{hashlib.sha256(message.at.encode()).hexdigest()[:16]}@notices>"
    mail.set_content(f"{message.text}\n\n{message.command}\n\n{message.kind} {message.subject}\n{message.at}\n")
    host, port = _address(given.server)
    with smtplib.SMTP(host, int(port or 25), timeout=TIMEOUT_S) as server:
        if given.starttls:
            server.starttls(context=ssl.create_default_context())
        if given.user:
            server.login(given.user, read_secret("password", given.password))
        server.send_message(mail)
