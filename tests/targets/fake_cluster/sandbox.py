"""A container without a container runtime: mount and process namespaces, a read-only root, another user.

The root is a tmpfs into which the host's ``/usr`` and the image's own folders are bound read-only, and the pod's
volumes where it wants them. The process is number 1 of its own namespace, so that a SIGTERM without a handler does
nothing and its death takes everything with it, as in a real container.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

_HOST = ("/usr", "/etc")
_LINKS = ("/bin", "/lib", "/lib64", "/lib32", "/sbin")


@dataclass(frozen=True)
class Process:
    """What is to be started in a container.

    Attributes:
        command: Its words.
        env: Variables beside the image's.
        user: Its user id.
        group: Its group id.
        folder: Working directory.
    """

    command: Sequence[str]
    env: Mapping[str, str]
    user: int
    group: int
    folder: str


@dataclass(frozen=True)
class Mount:
    """A folder of the node in a container.

    Attributes:
        source: Folder of the node.
        path: Where the container sees it.
        is_read_only: Whether it may not write there.
    """

    source: Path
    path: str
    is_read_only: bool = False


@dataclass(frozen=True)
class Image:
    """What a container's file system holds.

    Attributes:
        name: Its name in a manifest.
        folders: Folders of the host that it has, at the same paths, read-only.
        env: Its variables; ``PATH`` decides which ``python3`` there is.
        user: User id that it runs as where the manifest says nothing.
        hidden: Files in those folders that it does not have (they are empty there).
    """

    name: str
    folders: tuple[Path, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    user: int = 0
    hidden: tuple[Path, ...] = ()


def why_not() -> str:
    """Return why containers cannot be made here; empty where they can."""
    if shutil.which("unshare") is None or shutil.which("setpriv") is None:
        return "util-linux (unshare, setpriv) is not installed"
    done = subprocess.run(["unshare", "-m", "-p", "--fork", "true"], check=False, capture_output=True, text=True)
    return "" if done.returncode == 0 and os.geteuid() == 0 else f"namespaces need root: {done.stderr.strip()}"


def this_python(name: str) -> Image:
    """Return an image with this very environment, without the project's own sources."""
    prefix, base = Path(sys.prefix), Path(sys.base_prefix)
    site = Path(sysconfig.get_path("purelib"))
    ours = [path for path in site.glob("*mlops_workbench*/*") if path.name == "entry_points.txt"]
    ours += [*site.glob("*mlops_workbench*.pth"), *(site / "workbench").glob("*.py")]
    env = {"PATH": f"{prefix}/bin:/usr/bin:/bin", "LANG": "C.UTF-8"}
    return Image(name, tuple({prefix, base}), env, hidden=tuple(ours))


def bare_python(name: str, folder: Path) -> Image:
    """Return an image with the same interpreter and nothing installed."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    return Image(name, (folder, Path(sys.base_prefix)), {"PATH": f"{folder}/bin:/usr/bin:/bin", "LANG": "C.UTF-8"})


def start(root: Path, image: Image, process: Process, mounts: Sequence[Mount]) -> subprocess.Popen[bytes]:
    """Start a container's process; its stdout and stderr come through one pipe."""
    root.mkdir(parents=True)
    script = root.with_suffix(".sh")
    script.write_text("\n".join(_script(root, image, process, mounts)))
    return subprocess.Popen(
        ["unshare", "-m", "-p", "--fork", "--kill-child=SIGKILL", "bash", str(script)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**image.env, **process.env},
        cwd="/",
        start_new_session=True,
    )


def _script(root: Path, image: Image, process: Process, mounts: Sequence[Mount]) -> list[str]:
    quote = shlex.quote
    lines = ["set -e", "mount --make-rprivate /", f"mount -t tmpfs -o mode=755 tmpfs {quote(str(root))}"]
    links = [link for link in _LINKS if os.path.islink(link)]
    lines += [f"ln -s {quote(os.readlink(link))} {quote(f'{root}{link}')}" for link in links]
    for place in (*_HOST, *map(str, image.folders)):
        lines += _bind(root, place, place, is_read_only=True)
    lines += [
        f"mkdir -p {root}/proc {root}/dev {root}/tmp",
        f"chmod 1777 {root}/tmp",
        f"mount -t proc proc {root}/proc",
    ]
    lines += _bind(root, "/dev", "/dev", is_read_only=False)
    lines += [f"mount --bind /dev/null {quote(f'{root}{path}')}" for path in image.hidden]
    for mount in mounts:
        lines += _bind(root, str(mount.source), mount.path, is_read_only=mount.is_read_only)
        hidden = (folder for folder in map(str, image.folders) if folder.startswith(f"{mount.path.rstrip('/')}/"))
        for folder in hidden:  # a checkout below /tmp, where the pod has an empty folder of its own
            lines += _bind(root, folder, folder, is_read_only=True)
    lines.append(f"mount -o remount,ro {quote(str(root))}")
    inner = ["cd", process.folder, "&&", "exec", "setpriv", f"--reuid={process.user}", f"--regid={process.group}"]
    inner += ["--clear-groups", "--no-new-privs", "--bounding-set=-all", "--", *map(quote, process.command)]
    lines.append(f"exec /usr/sbin/chroot {quote(str(root))} /bin/bash -c {quote(' '.join(inner))}")
    return lines


def _bind(root: Path, source: str, path: str, *, is_read_only: bool) -> list[str]:
    place = shlex.quote(f"{root}{path}")
    lines = [f"mkdir -p {place}", f"mount --rbind {shlex.quote(source)} {place}"]
    return [*lines, f"mount -o remount,bind,ro {place}"] if is_read_only else lines
