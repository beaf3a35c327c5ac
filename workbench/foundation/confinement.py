"""Give up what a process does not need: memory without end, the network, other people's files and processes.

Two forms. :func:`confine` is for a process that is running already and has one thread: limits, a network namespace,
Landlock. :func:`launch` starts a program in namespaces of its own, with a root made of nothing but what it may see; so
it also meets no socket by name (an SSH agent's, Docker's), changes no file's mode, and leaves no process behind, for
the system ends them all with the first. Landlock holds inside of it once more.

Each step is tried and the ones that held are named; a system that does not offer one (macOS, a container that forbids
namespaces) has the rest and says so. Standard library and Python 3.9: this file also travels with jobs to other
machines.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import pwd
import resource
import signal
import socket
import struct
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LIMITS, NO_NETWORK, OWN_FILES, OWN_PROCESSES = "limits", "no network", "own files only", "own processes only"
WHOLE = (NO_NETWORK, OWN_FILES, OWN_PROCESSES)
"""What has to hold for a program of somebody else's to be run beside one's own keys."""
_STDERR = 2
NOT_CONFINED = 97
"""Exit code of a program that was not started, because not enough of it held."""

_CLONE_NEWNS, _CLONE_NEWIPC, _CLONE_NEWUSER = 0x00020000, 0x08000000, 0x10000000
_CLONE_NEWPID, _CLONE_NEWNET = 0x20000000, 0x40000000
_NAMESPACES = _CLONE_NEWNS | _CLONE_NEWIPC | _CLONE_NEWPID | _CLONE_NEWNET
_PR_SET_PDEATHSIG, _PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS = 1, 24, 38
_LAST_CAPABILITY = 63
_CAPABILITY_VERSION = 0x20080522
_MS_NOSUID, _MS_NODEV, _MS_NOEXEC, _MS_BIND, _MS_REC, _MS_PRIVATE = 2, 4, 8, 0x1000, 0x4000, 0x40000
_MNT_DETACH, _AT_FDCWD, _AT_RECURSIVE, _MOUNT_ATTR_RDONLY = 2, -100, 0x8000, 1
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 1
# Numbers that are the same on all architectures since they were given out (Linux 5.0 and later).
_MOUNT_SETATTR, _CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 442, 444, 445, 446
_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41, "riscv64": 41, "ppc64le": 203, "s390x": 217}
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_TRUNCATE, _IOCTL_DEV = 1 << 14, 1 << 15
_READING = _EXECUTE | _READ_FILE | _READ_DIR
_OF_A_FILE = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEV
_RIGHTS = ((5, 16), (3, 15), (2, 14), (1, 13))
"""From which version of Landlock on there are so many rights (https://docs.kernel.org/userspace-api/landlock.html)."""
_SCOPED = 3
"""Version 6: no abstract socket and no signal to anybody outside."""

_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
_GPUS = ("nvidia*", "dri", "kfd")
_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/sys/devices/system", "/sys/fs/cgroup")
_ETC = (
    *("ld.so.cache", "ld.so.conf", "ld.so.conf.d", "localtime", "timezone", "passwd", "group", "nsswitch.conf"),
    *("hosts", "mime.types", "os-release", "alternatives", "fonts", "ssl/certs", "ssl/openssl.cnf", "pki/tls/certs"),
    *("R", "OpenCL", "gai.conf", "protocols", "services"),
)
"""Of ``/etc`` only what libraries look up; no keys, no passwords, no mounts."""


@dataclass(frozen=True)
class Bounds:
    """How much a confined program may take; 0 means no bound.

    Attributes:
        memory_bytes: Address space of each process.
        cpu_s: Processor time of each process.
        file_bytes: Size of one file.
        processes: Processes and threads, where the system counts them for the program alone.
    """

    memory_bytes: int = 0
    cpu_s: int = 0
    file_bytes: int = 0
    processes: int = 0


OF_A_CHECK = Bounds(memory_bytes=4 << 30, cpu_s=120, file_bytes=1 << 30)
"""A check opens one model, or reads one notebook."""
OF_A_REPLAY = Bounds(file_bytes=64 << 30, processes=8192)
"""A replay may train for hours. Its memory is looked after by who runs it: libraries map what they never use."""


def confine(scratch: Path, *, readable: Iterable[Path] = (), bounds: Bounds = OF_A_CHECK) -> str:
    """Give up what can be given up here and now and return what held: ``limits, no network, own files only``.

    Has to be called while the process has one thread, before numpy starts its own.

    Args:
        scratch: The one folder that may be written to.
        readable: What may be read beside the interpreter and its libraries.
        bounds: How much it may take.
    """
    held = [_limit(bounds)]
    if sys.platform == "linux":
        libc = _libc()
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        if _leave_network(libc):
            held.append(NO_NETWORK)
        if _keep_to(libc, [*_libraries(), *readable], [scratch]):
            held.append(OWN_FILES)
    return ", ".join(held)


def launch(
    command: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    *,
    readable: Iterable[Path] = (),
    kept: Iterable[str] = (),
    bounds: Bounds = OF_A_REPLAY,
    is_strict: bool = True,
) -> int:
    """Run a program confined to one folder, wait for its end and return its exit code.

    It gets what held as its last argument. SIGTERM is passed on to it. Has to be called while the process has one
    thread, and keeps this process, too, in the new namespaces. No open file is handed on but the three standard ones.

    Args:
        command: The program's words.
        folder: Its working directory, and the only place where it may write; ``home`` and ``tmp`` are made in it.
        environment: All that it inherits.
        readable: What may be read beside the interpreter and its libraries.
        kept: Files of the folder that it may neither change nor replace, where it has namespaces of its own.
        bounds: How much it may take.
        is_strict: Do not start it unless all of :data:`WHOLE` holds.

    Returns:
        The exit code, 128 and the signal's number, or :data:`NOT_CONFINED`.
    """
    for name in ("home", "tmp"):
        (folder / name).mkdir(mode=0o700, exist_ok=True)
    seen = [*_libraries(), *readable]
    fixed = [path for path in map(folder.joinpath, kept) if path.is_file() and not path.is_symlink()]
    _keep_open_files()
    is_apart = sys.platform == "linux" and _unshare(_libc())
    pid = os.fork()
    if pid == 0:
        try:
            held = _confine_program(folder, seen, fixed, bounds, is_apart=is_apart)
            if is_strict and not set(WHOLE) <= set(held):
                os._exit(NOT_CONFINED)
            os.chdir(folder)
            os.execve(command[0], [*command, ", ".join(held)], dict(environment))  # noqa: S606
        finally:
            os._exit(NOT_CONFINED)
    signal.signal(signal.SIGTERM, lambda number, _: os.kill(pid, number))
    _, status = os.waitpid(pid, 0)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # its number may soon be another's
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def _keep_open_files() -> None:
    """Hand no open file on: a lock that the program shares, it could let go."""
    for name in os.listdir("/dev/fd"):  # noqa: PTH208 - names, and no files behind them
        handle = int(name)
        try:
            if handle > _STDERR:
                os.set_inheritable(handle, False)
        except OSError:  # the listing's own, closed by now
            continue


def _confine_program(
    folder: Path, seen: list[Path], fixed: Iterable[Path], bounds: Bounds, *, is_apart: bool
) -> list[str]:
    """Confine this process, which becomes the program, and return what held."""
    if sys.platform != "linux":
        return [_limit(bounds)]
    libc = _libc()
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    held = []
    if is_apart and _only_loopback() and _enter_root(libc, folder, seen, fixed, bounds):
        held = [NO_NETWORK, OWN_PROCESSES]
        seen = [Path("/")]
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    _drop_capabilities(libc)
    own = [folder, Path("/tmp"), Path("/dev")] if held else [folder, Path("/dev/null")]  # noqa: S108
    is_kept = _keep_to(libc, seen, own, () if held else _checkouts())
    if held and is_kept:
        held = list(WHOLE)
    elif is_kept:
        held = [OWN_FILES]
    return [_limit(bounds), *held]


def _libc() -> Any:
    return ctypes.CDLL(None, use_errno=True)


def _limit(bounds: Bounds) -> str:
    wanted = (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_CPU, bounds.cpu_s or None),
        (resource.RLIMIT_FSIZE, bounds.file_bytes or None),
        (resource.RLIMIT_NPROC, bounds.processes or None),
        (resource.RLIMIT_AS, bounds.memory_bytes or None),
    )
    for kind, value in wanted:
        if value is None:
            continue
        _, hard = resource.getrlimit(kind)
        limit = value if hard == resource.RLIM_INFINITY else min(value, hard)
        try:
            resource.setrlimit(kind, (limit, limit))
        except (ValueError, OSError):
            if kind != resource.RLIMIT_AS:  # macOS has the name and refuses the call
                raise
            return "limits without memory"
    return LIMITS


def _leave_network(libc: Any) -> bool:
    """Enter a network namespace that holds nothing but a loopback which is down."""
    if libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET) != 0 and libc.unshare(_CLONE_NEWNET) != 0:
        return False
    return _only_loopback()


def _only_loopback() -> bool:
    lines = Path("/proc/self/net/dev").read_text(encoding="ascii").splitlines()[2:]
    return all(line.split(":")[0].strip() == "lo" for line in lines)


def _unshare(libc: Any) -> bool:
    """Leave network, mounts, processes and IPC; the next child is the first process of its own."""
    user, group = os.geteuid(), os.getegid()
    if libc.unshare(_CLONE_NEWUSER | _NAMESPACES) != 0:
        return bool(libc.unshare(_NAMESPACES) == 0)  # root in a container that forbids user namespaces
    try:
        for name, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
            Path("/proc/self", name).write_text(text, encoding="ascii")
    except OSError:
        return False
    return True


def _enter_root(libc: Any, folder: Path, seen: Iterable[Path], fixed: Iterable[Path], bounds: Bounds) -> bool:
    """Make a root of the given paths, to be read, and the folder, and enter it; False where a step is refused."""
    root = folder / "tmp" / ".root"
    root.mkdir(exist_ok=True)
    try:
        _mount(libc, "", "/", "", _MS_REC | _MS_PRIVATE)
        _mount(libc, "tmpfs", str(root), "tmpfs", _MS_NOSUID | _MS_NODEV, "mode=0755")
        _show(libc, folder / "tmp", root / "tmp", is_writable=True)  # first: what is seen may lie in it
        for path in seen:
            for name in dict.fromkeys((path, path.resolve())):
                _show(libc, path, _below(root, name))
        _show(libc, folder, _below(root, folder), is_writable=True)
        for path in fixed:
            _show(libc, path, _below(root, path))  # what is mounted upon is neither moved nor removed
        _make_dev(libc, root / "dev")
        (root / "proc").mkdir(exist_ok=True)
        _mount(libc, "proc", str(root / "proc"), "proc", _MS_NOSUID | _MS_NODEV | _MS_NOEXEC)
        _raise_loopback()
        _bound_processes(root, bounds.processes)
        os.chdir(root)
        if libc.syscall(_PIVOT_ROOT[os.uname().machine], b".", b".") != 0:
            return False
        if libc.umount2(b".", _MNT_DETACH) != 0:  # what was the root lies on top of the new one until now
            return False
        os.chdir("/")
        _make_read_only(libc, Path("/"), is_recursive=False)
    except (OSError, KeyError):
        return False
    return True


def _mount(libc: Any, source: str, target: str, kind: str, flags: int, options: str = "") -> None:  # noqa: PLR0917 - mount(2)
    words = [os.fsencode(word) or None for word in (source, target, kind)]
    if libc.mount(*words, ctypes.c_ulong(flags), os.fsencode(options) or None) != 0:
        raise OSError(ctypes.get_errno(), "mount", target)


def _show(libc: Any, path: Path, place: Path, *, is_writable: bool = False) -> None:
    """Let a file or a folder be seen at a place."""
    if path.is_dir():
        place.mkdir(parents=True, exist_ok=True)
    elif not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        place.touch()
    _mount(libc, str(path), str(place), "", _MS_BIND | (0 if is_writable else _MS_REC))
    if not is_writable:
        _make_read_only(libc, place)


def _make_read_only(libc: Any, place: Path, *, is_recursive: bool = True) -> None:
    attributes = struct.pack("=QQQQ", _MOUNT_ATTR_RDONLY, 0, 0, 0)
    flags, size = (_AT_RECURSIVE if is_recursive else 0), ctypes.c_size_t(len(attributes))
    if libc.syscall(_MOUNT_SETATTR, _AT_FDCWD, os.fsencode(place), flags, attributes, size) != 0:
        raise OSError(ctypes.get_errno(), "mount_setattr", str(place))


def _make_dev(libc: Any, dev: Path) -> None:
    dev.mkdir(exist_ok=True)
    gpus = [path for pattern in _GPUS for path in sorted(Path("/dev").glob(pattern))]
    for path in (*map(Path, _DEVICES), *gpus):
        if path.exists():
            _show(libc, path, dev / path.name, is_writable=True)
    for name, target in (("fd", "fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2")):
        (dev / name).symlink_to(f"/proc/self/{target}")
    (dev / "shm").mkdir()
    _mount(libc, "tmpfs", str(dev / "shm"), "tmpfs", _MS_NOSUID | _MS_NODEV, "mode=1777,size=25%")


def _below(root: Path, path: Path) -> Path:
    return root / path.absolute().relative_to("/")


def _raise_loopback() -> None:
    """A kernel talks to whoever runs its cells over the loopback of its own network."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        name = struct.pack("16sH14s", b"lo", 0, b"")
        flags = struct.unpack("16sH14s", fcntl.ioctl(link, _SIOCGIFFLAGS, name))[1]
        fcntl.ioctl(link, _SIOCSIFFLAGS, struct.pack("16sH14s", b"lo", flags | _IFF_UP, b""))


def _bound_processes(root: Path, most: int) -> None:
    """Bound their number also for root, whom the usual limit spares (Linux 6.14 counts for each namespace)."""
    try:
        if most:
            (root / "proc/sys/kernel/pid_max").write_text(str(most), encoding="ascii")
    except OSError:
        return


def _drop_capabilities(libc: Any) -> None:
    """Keep nothing of what root may do beyond others, in these namespaces or outside of them."""
    for capability in range(_LAST_CAPABILITY + 1):
        libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)
    libc.capset(struct.pack("=Ii", _CAPABILITY_VERSION, 0), bytes(24))


def _keep_to(libc: Any, readable: Iterable[Path], writable: Iterable[Path], listed: Iterable[Path] = ()) -> bool:
    """Allow reading some paths, writing some, and of some to list the names below; nothing else."""
    version = libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), 1)
    if version < 1:
        return False
    rights = next((1 << count) - 1 for since, count in _RIGHTS if version >= since)
    handled = struct.pack("=QQQ", rights, 0, _SCOPED if version >= 6 else 0)
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    ruleset = libc.syscall(_CREATE_RULESET, handled, ctypes.c_size_t(size), 0)
    if ruleset < 0:
        return False
    try:
        is_complete = all(_allow(libc, ruleset, path, _READING) for path in readable)
        is_complete = is_complete and all(_allow(libc, ruleset, path, rights) for path in writable)
        is_complete = is_complete and all(_allow(libc, ruleset, path, _READ_DIR) for path in listed)
        return is_complete and bool(libc.syscall(_RESTRICT_SELF, ruleset, 0) == 0)
    finally:
        os.close(ruleset)


def _allow(libc: Any, ruleset: int, path: Path, rights: int) -> bool:
    handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        rule = struct.pack("=Qi", rights if path.is_dir() else rights & _OF_A_FILE, handle)
        return bool(libc.syscall(_ADD_RULE, ruleset, 1, rule, 0) == 0)
    finally:
        os.close(handle)


def _libraries() -> list[Path]:
    """Return what an interpreter reads while it imports its packages, under the names that it knows them by."""
    etc = (f"/etc/{name}" for name in _ETC)
    proc = ("/proc/self", "/proc/cpuinfo", "/proc/meminfo")
    bases = (name for name in (sys.prefix, sys.base_prefix) if not _holds_a_home(Path(name)))
    own = (*bases, *prefixes_of(Path(sys.executable)))
    named = (*_SYSTEM, *_DEVICES[3:], "/dev/null", *etc, *proc, *own)
    paths = [*map(Path, named), *(path for entry in sys.path if entry for path in _importable(Path(entry)))]
    return list(dict.fromkeys(path for path in paths if path.exists()))


def prefixes_of(executable: Path) -> Iterator[str]:
    """Yield the environments that an interpreter's name leads through, link by link.

    The root is none, though ``/bin/python3`` lies right below it, and neither is what a home folder lies in.
    """
    for _ in range(40):
        prefix = executable.parent.parent
        marks = ((prefix / "pyvenv.cfg").exists(), (prefix / "conda-meta").is_dir(), any(prefix.glob("lib/python3*")))
        if any(marks) and not _holds_a_home(prefix):
            yield str(prefix)
        if not executable.is_symlink():
            return
        executable = executable.parent / os.readlink(executable)  # noqa: PTH115 - Path.readlink joins nothing either


def _holds_a_home(folder: Path) -> bool:
    """Tell whether a folder is this user's home, or above it; a child that was given another HOME is not misled."""
    homes = [Path.home()]
    with contextlib.suppress(KeyError):
        homes.append(Path(pwd.getpwuid(os.getuid()).pw_dir))
    return any(home.resolve().is_relative_to(folder.resolve()) for home in homes)


def _importable(entry: Path) -> list[Path]:
    """Return what of an entry of ``sys.path`` can be imported; of one that holds more than code, that alone."""
    if not entry.is_dir() or entry.name in ("site-packages", "dist-packages", "lib-dynload"):
        return [entry]
    if not _holds_a_home(entry) and not _is_checkout(entry):
        return [entry]
    return [path for path in entry.iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()]


def _checkouts() -> list[Path]:
    """Return entries of ``sys.path`` whose names Python lists to find what may be imported, where it sees them whole.

    An editable installation lies in one. A home folder is none: what is installed in it is not found then.
    """
    entries = (Path(entry) for entry in sys.path if entry)
    return [entry for entry in entries if entry.is_dir() and _is_checkout(entry) and not _holds_a_home(entry)]


def _is_checkout(entry: Path) -> bool:
    return any((entry / name).exists() for name in (".git", ".workbench"))
