"""Make the environment that a job asks for, once for all jobs, then become the job: travels in the job directory.

``environment.py <folder of environments> <requirements file> <word> …``: the words follow the environment's own
Python. An environment is named by the digest of its hashed requirements and of the Python it is made with; jobs that
want the same one wait for whoever makes it. What goes wrong is the job's own end, with what ``uv`` or ``pip`` said.

Nodes of a cluster share the folder; where their file system has no locks, each node makes one of its own.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NoReturn

DIGITS = 16
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)


def environment_of(envs: Path, requirements: Path) -> Path:
    """Return where the environment lies, or will."""
    hasher = hashlib.sha256(requirements.read_bytes())
    hasher.update(f"{sys.version_info[:2]} {platform.machine()} {platform.system()}".encode())
    return envs / hasher.hexdigest()[:DIGITS]


def make(env: Path, requirements: Path) -> Path:
    """Make the environment unless it is there, one process at a time, and return where it lies.

    Raises:
        subprocess.CalledProcessError: ``uv`` or ``pip`` failed.
    """
    env.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        return make_in_turn(env, env.with_suffix(".lock"), requirements)
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
    own = env.with_name(f"{env.name}-{platform.node()}")
    return make_in_turn(
        own, Path(tempfile.gettempdir(), f"mlops-workbench-{os.getuid()}-{own.name}.lock"), requirements
    )


def make_in_turn(env: Path, lock: Path, requirements: Path) -> Path:
    """Make one environment unless it is there, while nobody else holds its lock."""
    whole = env / ".whole"
    handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        say(f"waiting for the environment {env.name}")
        fcntl.flock(handle, fcntl.LOCK_EX)
        if not whole.exists():
            say(f"building the environment {env.name}")
            build(env, requirements, handle)
        whole.touch()  # used now: what nobody has used for long is swept
    finally:
        os.close(handle)
    return env


def build(env: Path, requirements: Path, lock: int) -> None:
    """Make the environment anew; what a killed one left is taken away.

    Who makes it is handed the lock: where this process alone is killed, pip goes on, and nobody else begins meanwhile.
    """
    shutil.rmtree(env, ignore_errors=True)
    python = str(env / "bin" / "python")
    hashed = ["--require-hashes", "-r", str(requirements)]
    if uv := find_uv():
        run([uv, "venv", "--quiet", "--python", sys.executable, str(env)], lock)
        run([uv, "pip", "install", "--quiet", "--python", python, *hashed], lock)
    else:
        run([sys.executable, "-m", "venv", str(env)], lock)
        run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *hashed], lock)


def find_uv() -> str | None:
    """Return uv, also from where its own installer puts it: a command over ssh has no login shell's ``PATH``."""
    return shutil.which("uv") or shutil.which("uv", path=str(Path.home() / ".local" / "bin"))


def say(reason: str) -> None:
    """Let those who look know why the job has not begun."""
    Path("starting.txt").write_text(reason, encoding="utf-8")


def run(command: list[str], lock: int) -> None:
    """Run a command that holds the lock as well; what it says goes into the job's log, too."""
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=sys.stderr, stderr=subprocess.PIPE, check=False, pass_fds=[lock]
    )
    sys.stderr.buffer.write(done.stderr)
    sys.stderr.flush()
    if done.returncode:
        raise subprocess.CalledProcessError(done.returncode, command, stderr=done.stderr)


def refuse(error: str) -> NoReturn:
    """Write the last word of a job that cannot begin, and end."""
    new = Path(".exit.json.new")
    last = {"code": 1, "reason": "EnvironmentFailed", "error": f"EnvironmentFailed: {error[-2000:]}"}
    new.write_text(json.dumps(last), encoding="utf-8")
    new.replace("exit.json")
    sys.exit(1)


def main(envs: Path, requirements: Path, words: list[str]) -> None:
    """Make the environment and become the job; the process stays the same, and so does its lock."""
    try:
        env = make(environment_of(envs.expanduser(), requirements), requirements)
    except subprocess.CalledProcessError as error:
        refuse(error.stderr.decode("utf-8", "replace").strip() or str(error))
    except OSError as error:
        refuse(str(error))
    Path("starting.txt").unlink(missing_ok=True)
    python = str(env / "bin" / "python")
    os.execv(python, [python, *words])  # noqa: S606 -- does not come back


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
