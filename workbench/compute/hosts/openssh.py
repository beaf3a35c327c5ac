"""A machine that the OpenSSH binary reaches.

``ssh`` itself does what people have set up for it: ``~/.ssh/config``, aliases, ``ProxyJump``, agents, hardware keys and
certificates all hold, because nothing of it is read here. The first command opens a connection, which the next ones
share (ControlMaster) and which ends a few minutes after the last. Nobody is ever asked anything (BatchMode), and the
key of a host is always verified, whatever a configuration says: who is not known is refused, with the command that
makes it known.
"""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import stat
import subprocess
from pathlib import Path

from workbench.compute.hosts.host import Answer
from workbench.compute.hosts.posix import PosixHost, last_line
from workbench.foundation.errors import UnavailableError

_OPTIONS = {
    "BatchMode": "yes",
    "StrictHostKeyChecking": "yes",
    "ConnectTimeout": "10",
    "ServerAliveInterval": "3",  # three unanswered: a cut link is noticed after about ten seconds
    "ServerAliveCountMax": "3",
    "ControlMaster": "auto",
    "ControlPersist": "300",
    "ClearAllForwardings": "yes",  # of somebody's configuration; a second connection could not bind them
    "RemoteCommand": "none",
    "RequestTTY": "no",
    "LogLevel": "ERROR",  # without banners
}
_OWN_FAILURE = 255
"""What ``ssh`` ends with where it is not the command's own exit code; a far command of ours never does."""

_CHANGED = "REMOTE HOST IDENTIFICATION HAS CHANGED"
_UNKNOWN = ("Host key verification failed", "host key is known for")
_DENIED = ("Permission denied (", "Too many authentication failures", "No supported authentication methods")
_REMOVAL = re.compile(r"ssh-keygen -f \S+ -R \S+")


class OpenSshHost(PosixHost):
    """Run commands at the other end of a connection.

    Attributes:
        name: Name in ``~/.ssh/config``, or ``user@host``.
    """

    def __init__(self, name: str, *, port: int = 0, config: Path | None = None) -> None:
        """Connect to nothing yet.

        Args:
            name: Name in ``~/.ssh/config``, or ``user@host``.
            port: TCP port; 0 leaves it to the configuration.
            config: File that ``ssh`` reads in place of ``~/.ssh/config``.
        """
        self.name = name
        self._where = [*(["-F", str(config)] if config else []), *(["-p", str(port)] if port else [])]

    def arguments(self, line: str) -> list[str]:
        """Have the line read by the login shell over there."""
        return [*self._ssh(), "--", self.name, line]

    def typed(self, command: str) -> str:
        """Return the plain ``ssh`` command that does it."""
        return shlex.join(["ssh", *self._where, self.name, command])

    def refuse(self, answer: Answer) -> None:
        """Tell why ``ssh`` failed.

        Raises:
            UnavailableError: ``host-key-changed``, ``host-key-unknown``, ``host-authentication-failed`` or
                ``host-unreachable``.
        """
        if answer.code == _OWN_FAILURE:
            raise self._failure(answer.err)

    def close(self) -> None:
        """End the shared connection, where there is one."""
        quiet = subprocess.DEVNULL
        subprocess.run(
            [*self._ssh(), "-O", "exit", "--", self.name], stdout=quiet, stderr=quiet, check=False, timeout=10
        )

    def _ssh(self) -> list[str]:
        # ``%C`` stands for user, host and port as the configuration has them; the configuration itself is ours to add.
        mark = hashlib.sha256("\0".join(self._where).encode()).hexdigest()[:8]
        options = {**_OPTIONS, "ControlPath": f"{control_folder()}/{mark}-%C"}
        return ["ssh", *self._where, *(f"-o{key}={value}" for key, value in options.items())]

    def _failure(self, said: str) -> UnavailableError:
        look = self.typed("true")
        if _CHANGED in said:
            removal = _REMOVAL.search(said)
            hint = f"ask who runs it whether its key is new; only then: {removal[0] if removal else 'ssh-keygen -R'}"
            message = f"The key of {self.name} is not the one it had: another machine may be answering in its name"
            return UnavailableError("host-key-changed", message, hint)
        if any(text in said for text in _UNKNOWN):
            message = f"The key of {self.name} is not known here, so nobody can tell whether it is that machine"
            return UnavailableError("host-key-unknown", message, f"compare its fingerprint once, by hand: {look}")
        if any(text in said for text in _DENIED):
            denial = next(line for line in said.splitlines() if any(text in line for text in _DENIED))
            message = f"{self.name} does not let us in: {last_line(denial)}"
            return UnavailableError("host-authentication-failed", message, f"load your key (ssh-add), then try: {look}")
        message = f"{self.name} does not answer: {last_line(said) or 'the connection was closed'}"
        return UnavailableError("host-unreachable", message, f"try: {look}")


def control_folder() -> Path:
    """Return a folder for the sockets of shared connections: nobody else's, and short, as a socket's name must be.

    Raises:
        UnavailableError: ``control-folder-not-private``: somebody else made a folder of that name.
    """
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    folder = Path(runtime) / "mlops-wb" if 0 < len(runtime) < 24 else Path(f"/tmp/mlops-wb-{os.getuid()}")  # noqa: S108
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or stat.S_IMODE(found.st_mode) & 0o077:
        message = f"{folder} is not ours alone, and connections to other machines would pass through it"
        raise UnavailableError("control-folder-not-private", message, f"remove it: rm -r {shlex.quote(str(folder))}")
    return folder
