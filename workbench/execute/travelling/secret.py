"""Secrets on the machine that runs the job: read where they lie, given to the kernel, taken out of what it says.

Travels with ``runner``; standard library, and ``keyring`` where a source asks for it. A value is held in this process
and in the environment of the kernel. Wherever it would be written (an event, an output of the notebook, the log, a
parameter that the notebook logs) it stands as ``[secret NAME]``. So do its base64, its URL and its quoted forms; what a
notebook makes of it otherwise, or writes into files of its own, nobody can know.
"""

from __future__ import annotations

import base64
import codecs
import json
import os
import threading
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any, Mapping

SHORTEST = 4
"""A shorter value is not looked for: it would be found in half of all words."""
_TIMEOUT_S = 20.0


class SecretMissingError(Exception):
    """A source does not have its secret; the message names the source, never a value."""

    job_reason = "secret-missing"


class Secrets:
    """The values of a job's secrets, and how they are kept out of sight."""

    def __init__(self) -> None:
        self._shown: dict[str, str] = {}
        self._log = -1
        self._reader: threading.Thread | None = None

    def __bool__(self) -> bool:
        """Whether there is anything to keep out of sight."""
        return bool(self._shown)

    def resolve(self, sources: Mapping[str, str]) -> None:
        """Read every secret and put it into the environment that the kernel inherits.

        Raises:
            SecretMissingError: The first source that does not have it.
        """
        for name, source in sources.items():
            value = read_secret(name, source)
            os.environ[name] = value
            for form in _forms(value) if len(value) >= SHORTEST else ():
                self._shown.setdefault(form, f"[secret {name}]")
        self._shown = dict(sorted(self._shown.items(), key=lambda item: -len(item[0])))

    def clean(self, text: str) -> str:
        """Return a text without any secret."""
        for value, shown in self._shown.items():
            if value in text:
                text = text.replace(value, shown)
        return text

    def clean_stream(self, text: str, is_last: bool) -> tuple[str, str]:
        """Return what may be said of a stream, and an end that may be the beginning of a secret."""
        text = self.clean(text)
        held = 0 if is_last else max((_overlap(text, value) for value in self._shown), default=0)
        return (text[: len(text) - held], text[len(text) - held :]) if held else (text, "")

    def clean_notebook(self, notebook: Any) -> None:
        """Take secrets out of all outputs of a notebook."""
        for cell in notebook.cells:
            for output in cell.get("outputs") or []:
                for key in ("text", "evalue", "traceback", "data"):
                    if key in output:
                        output[key] = self._cleaned(output[key])

    def guard_output(self) -> None:
        """Lead standard output and error, the kernel's too, past this process, which takes secrets out."""
        self._log = os.dup(2)
        reading, writing = os.pipe()
        os.dup2(writing, 1)
        os.dup2(writing, 2)
        os.close(writing)
        self._reader = threading.Thread(target=self._pass_on, args=(reading,), name="log", daemon=True)
        self._reader.start()

    def close(self) -> None:
        """Pass on what was printed last."""
        if self._reader is not None:
            os.dup2(self._log, 1)
            os.dup2(self._log, 2)
            self._reader.join(timeout=2.0)

    def _pass_on(self, reading: int) -> None:
        held, letters = "", codecs.getincrementaldecoder("utf-8")("surrogateescape")  # a read may end within a letter
        while True:
            data = os.read(reading, 65_536)
            said, held = self.clean_stream(held + letters.decode(data, final=not data), is_last=not data)
            os.write(self._log, said.encode("utf-8", "surrogateescape"))
            if not data:
                return

    def _cleaned(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.clean(value)
        if isinstance(value, list):
            return [self._cleaned(each) for each in value]
        if isinstance(value, dict):
            for key in value:
                value[key] = self._cleaned(value[key])
        return value


def read_secret(name: str, source: str) -> str:
    """Return the value of a secret.

    Raises:
        SecretMissingError: The source does not have it.
    """
    kind, _, place = source.partition(":")
    read = {"env": _from_env, "file": _from_file, "keyring": _from_keyring, "vault": _from_vault}.get(kind)
    try:
        # A cluster has put a secret of its own into the environment already.
        value = os.environ.get(name, "") if kind == "k8s-secret" else read(place) if read else ""
    except (OSError, ValueError, KeyError, TypeError, ImportError, RuntimeError) as error:
        # Only what went wrong: the message of a library might quote what it read.
        raise SecretMissingError(f"the secret {name} cannot be read from {source} ({type(error).__name__})") from None
    if not value:
        raise SecretMissingError(f"the secret {name} is not at {source}")
    return value


def _from_env(place: str) -> str:
    return os.environ.get(place, "")


def _from_file(place: str) -> str:
    return Path(place).expanduser().read_text(encoding="utf-8").rstrip("\r\n")


def _from_keyring(place: str) -> str:
    import keyring  # type: ignore[import-not-found, unused-ignore]

    service, _, user = place.partition("/")
    return str(keyring.get_password(service, user) or "")


def _from_vault(place: str) -> str:
    """Ask HashiCorp Vault's HTTP API for a field; ``VAULT_ADDR`` and ``VAULT_TOKEN`` as its own command has them."""
    path, _, field = place.partition("#")
    token = os.environ.get("VAULT_TOKEN", "") or _from_file("~/.vault-token")
    mount = _ask_vault(f"sys/internal/ui/mounts/{path}", token)["data"]
    is_versioned = (mount.get("options") or {}).get("version") == "2"
    root = str(mount["path"])
    found = _ask_vault(f"{root}data/{path[len(root) :]}" if is_versioned else path, token)["data"]
    return str((found["data"] if is_versioned else found)[field])


def _ask_vault(path: str, token: str) -> Any:
    address = os.environ["VAULT_ADDR"].rstrip("/")
    if not address.startswith(("http://", "https://")):
        raise ValueError("VAULT_ADDR")
    request = urllib.request.Request(f"{address}/v1/{urllib.parse.quote(path)}")  # noqa: S310
    request.add_header("X-Vault-Token", token)
    if os.environ.get("VAULT_NAMESPACE"):
        request.add_header("X-Vault-Namespace", os.environ["VAULT_NAMESPACE"])
    with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:  # noqa: S310
        return json.load(answer)


def _forms(value: str) -> set[str]:
    """Return a value as it is and as programs usually write it."""
    forms = {
        value,
        repr(value)[1:-1],
        json.dumps(value)[1:-1],
        urllib.parse.quote(value),
        urllib.parse.quote_plus(value),
    }
    forms |= {base64.b64encode(value.encode()).decode().rstrip("=")}
    forms |= {line for line in value.splitlines() if len(line) >= 2 * SHORTEST}  # a key of many lines, printed by line
    return {form for form in forms if len(form) >= SHORTEST}


def _overlap(text: str, value: str) -> int:
    """Return how many characters at the end of a text are the beginning of a value."""
    for length in range(min(len(value) - 1, len(text)), 0, -1):
        if text.endswith(value[:length]):
            return length
    return 0
