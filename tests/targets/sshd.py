"""A real ``sshd`` for tests: on loopback, with throw-away keys and a home of its own.

``sshd`` is a session fixture; a conftest that wants it says ``from tests.targets.sshd import sshd``. What a client
needs is in the file that :meth:`Sshd.config` writes, for ``ssh -F`` (``ssh_config`` of an ssh target): nothing of the
person who runs the tests is read or written.
"""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

SERVER = """
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host_key
PidFile none
AuthorizedKeysFile {folder}/authorized_keys
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
SetEnv HOME={home}
MaxStartups 100
"""

CLIENT = """
Host {name}
  HostName 127.0.0.1
  Port {port}
  User {user}
  IdentityFile {key}
  IdentitiesOnly yes
  IdentityAgent none
  UserKnownHostsFile {known}
  GlobalKnownHostsFile none
  {more}
"""


def free_port() -> int:
    """Return a TCP port of loopback that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def make_key(path: Path) -> Path:
    """Make a key without a passphrase."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "throw-away", "-f", path], check=True)
    return path


@dataclass
class Sshd:
    """A server that was started.

    Attributes:
        folder: Where its keys and its log are.
        port: Where it listens.
        home: The home of whoever logs in.
    """

    folder: Path
    port: int
    home: Path
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @classmethod
    def start(cls, folder: Path, port: int = 0) -> Sshd:
        """Start one; its keys are made once for a folder."""
        server = cls(folder, port or free_port(), folder / "home")
        server.home.mkdir(parents=True, exist_ok=True)
        if not (folder / "host_key").exists():
            make_key(folder / "host_key")
            make_key(folder / "user_key")
        (folder / "authorized_keys").write_bytes((folder / "user_key.pub").read_bytes())
        (folder / "sshd_config").write_text(SERVER.format(port=server.port, folder=folder, home=server.home))
        if os.getuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)
        program = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin") or "/usr/sbin/sshd"
        command = [program, "-D", "-e", "-f", str(folder / "sshd_config")]
        with (folder / "log").open("ab") as log:
            server.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        server.await_answer()
        return server

    def await_answer(self) -> None:
        """Wait until somebody listens."""
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                time.sleep(0.02)
            else:
                return
        raise AssertionError((self.folder / "log").read_text())

    def stop(self) -> None:
        """End it with every connection it has."""
        if self.process is not None:
            children = psutil.Process(self.process.pid).children(recursive=False)
            self.process.kill()
            self.process.wait()
            for child in children:
                if child.is_running():
                    child.kill()
            self.process = None

    def config(
        self, name: str, *, port: int = 0, key: Path | None = None, known: Path | None = None, more: str = ""
    ) -> Path:
        """Write a configuration for ``ssh -F`` in which this server is called ``name``.

        Args:
            name: Alias.
            port: Another port, of a link that leads here.
            key: Another key than the one that is let in.
            known: Another file of known hosts than one that has this server.
            more: Further lines.
        """
        port = port or self.port
        known = known or self.known_hosts(port)
        text = CLIENT.format(
            name=name, port=port, user=getpass.getuser(), key=key or self.folder / "user_key", known=known, more=more
        )
        path = self.folder / f"client-{name}-{port}"
        path.write_text(text)
        path.chmod(0o600)
        return path

    def known_hosts(self, port: int, key: Path | None = None) -> Path:
        """Write a file of known hosts in which loopback at ``port`` has this server's key, or another one."""
        public = (key or self.folder / "host_key").with_suffix(".pub").read_text()
        path = self.folder / f"known-{port}{'-other' if key else ''}"
        path.write_text(f"[127.0.0.1]:{port} {public}")
        return path

    def sessions(self) -> list[psutil.Process]:
        """Return the processes that serve connections."""
        assert self.process is not None
        return psutil.Process(self.process.pid).children(recursive=False)


@pytest.fixture(scope="session")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    """One server for all tests."""
    server = Sshd.start(tmp_path_factory.mktemp("sshd"))
    yield server
    server.stop()
