"""A notebook that takes what it can get, what there is to take, and what it says that it got."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from workbench.foundation.project import Project

HOSTILE = """\
import json, os, socket, subprocess, sys
want = json.loads('''WANTED''')
found = {}
def attempt(name, what):
    try:
        found[name] = str(what())[:40]
    except OSError as error:
        found[name] = "refused"
for name in ("key", "journal", "policy", "source", "other"):
    attempt(name, lambda: open(want[name], "rb").read(16))
attempt("token", lambda: os.environ.get("PLANTED_TOKEN") or "refused")
attempt("network", lambda: socket.create_connection(("127.0.0.1", want["port"]), timeout=3))
def agent():
    with socket.socket(socket.AF_UNIX) as link:
        link.connect(want["agent"])
attempt("agent", agent)
attempt("write", lambda: open(want["place"], "w").write("mine"))
attempt("mode", lambda: os.chmod(want["key"], 0o777))
attempt("signal", lambda: os.kill(want["pid"], 0))
def linked():
    os.symlink(want["key"], "../../artifacts/loot.txt")
    return open("../../artifacts/loot.txt").read(5)
attempt("linked", linked)
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)", want["mark"]], start_new_session=True, env={})
print("FOUND" + json.dumps(found))
"""
MARK = f"left-behind-by-a-hostile-notebook-{os.getpid()}"
"""Other tests beside this one have thieves of their own."""


@contextmanager
def laid_out(project: Project, home: Path, outside: Path) -> Iterator[dict[str, object]]:
    """Lay out what a notebook may want of a checker, and name it; what it leaves running is ended afterwards.

    Args:
        project: The checker's project.
        home: The checker's home; gets a key.
        outside: Folder that is not there yet: another project's.
    """
    (home / ".ssh").mkdir(parents=True, exist_ok=True)
    outside.mkdir()
    (home / ".ssh" / "id_ed25519").write_text("a private key")
    (outside / "other.txt").write_text("another project's")
    path = f"/tmp/wb-agent-{os.getpid()}"
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(socket.AF_UNIX) as agent:
        agent.bind(path)
        agent.listen()
        try:
            yield {
                "key": str(home / ".ssh" / "id_ed25519"),
                "journal": str(project.state_dir / "journal.db"),
                "policy": str(project.root / "policy" / "gate.toml"),
                "source": str(project.root / "workbench.toml"),
                "other": str(outside / "other.txt"),
                "place": str(outside / "mine"),
                "port": server.getsockname()[1],
                "agent": path,
                "pid": os.getpid(),
                "mark": MARK,
            }
        finally:
            Path(path).unlink()
            for process in left_behind():
                process.kill()


def left_behind() -> list[psutil.Process]:
    """Return the processes that a thief started and nobody ended."""
    return [process for process in psutil.process_iter(["cmdline"]) if MARK in (process.info["cmdline"] or ())]


def thief(wanted: dict[str, object]) -> str:
    """Return the thief's source."""
    return HOSTILE.replace("WANTED", json.dumps(wanted))


def taken(executed: Path) -> dict[str, str]:
    """Return what the last cell of an executed notebook says that it got; ``refused`` where it got nothing."""
    outputs = json.loads(executed.read_text())["cells"][-1]["outputs"]
    text = "".join("".join(output.get("text", "")) for output in outputs)
    return dict(json.loads(text.partition("FOUND")[2]))
