"""Snapshots: what recording data costs, against ``dvc add`` in the same run, in one process and as a command.

Budgets: 10,000 unchanged files below 0.15 s of CPU and at most 1/10 of ``dvc add``; the first gigabyte below 2.5 s and
on the disk once. 1/5 of ``dvc add`` for that gigabyte is out of reach: DVC names objects by md5, which is a chain that
neither threads nor vectors shorten, and of bytes that lie in memory already it costs 1/4 to 1/3 of ``dvc add``. Reading
adds 4 % to it; a memory map would save half of that, at the price of a crash where the file is cut short meanwhile. So
1/5 is held for what is done beside md5, and the floor is measured and printed. CPU time of the process and its
children, since the machine is shared; alternating; medians. A gigabyte is written once a round; ``--quick`` takes an
eighth of it.
"""

from __future__ import annotations

import ctypes
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

FILES = 10_000
ROUNDS = 5
FIRST_ROUNDS = 2
_CAPABILITY_VERSION_3 = 0x20080522
_PR_SET_SECUREBITS = 28
_SECBIT_NOROOT = 1
BIN = Path(sys.executable).parent

PROJECT = '[project]\nname = "bench"\n'
IN_PROCESS = {
    "ours": "from workbench.data.versions import snapshot; from workbench.foundation.project import Project\n"
    "from pathlib import Path\nproject = Project.open(Path('.'), actor='bench@example.com')\n"
    "work = lambda: snapshot(project, (name,))\n",
    "dvc": "from dvc.repo import Repo\nrepo = Repo('.')\nwork = lambda: repo.add([name])\n",
}
MEASURE = (
    "import sys, resource, statistics\nname = sys.argv[1]\n{}"
    "cpu = lambda: sum(resource.getrusage(resource.RUSAGE_SELF)[:2])\n"
    "rounds = int(sys.argv[2])\nspent = []\n"
    "for _ in range(rounds):\n    begun = cpu(); work(); spent.append(cpu() - begun)\n"
    "print(statistics.median(spent))\n"
)
IN_MEMORY = """
import hashlib, sys
buffer = memoryview(bytearray(1 << 20))
digest = hashlib.md5(usedforsecurity=False)
for _ in range(int(sys.argv[1]) >> 20):
    digest.update(buffer)
"""
MD5 = """
import hashlib, sys
from pathlib import Path
buffer = memoryview(bytearray(1 << 20))
top = Path(sys.argv[1])
for path in sorted(top.iterdir()) if top.is_dir() else [top]:
    digest = hashlib.md5(usedforsecurity=False)
    with path.open("rb", buffering=0) as stream:
        while count := stream.readinto(buffer):
            digest.update(buffer[:count])
"""


def give_up_rights() -> None:
    """Let a file's mode hold for this process, if it is root's, and for what it starts (capabilities(7))."""
    library = ctypes.CDLL(None, use_errno=True)
    library.prctl(_PR_SET_SECUREBITS, _SECBIT_NOROOT, 0, 0, 0)
    library.capset((ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0), (ctypes.c_uint32 * 6)())


def cpu_s(command: list[str], folder: Path, *, as_user: bool = False) -> tuple[float, str]:
    """Return the CPU seconds of a process, and what it printed."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = {**os.environ, "DVC_NO_ANALYTICS": "1", "WORKBENCH_ACTOR": "bench@example.com", "HOME": str(folder)}
    done = subprocess.run(
        command,
        check=False,
        capture_output=True,
        text=True,
        cwd=folder,
        env=environment,
        preexec_fn=give_up_rights if as_user and os.geteuid() == 0 else None,
    )
    if done.returncode:
        raise SystemExit(f"{command[:3]} failed: {done.stdout}{done.stderr}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done.stdout


def in_process(who: str, folder: Path, name: str, rounds: int, *, as_user: bool = False) -> float:
    """Return the CPU seconds of the work alone, in a process that has imported everything."""
    code = MEASURE.format(IN_PROCESS[who])
    command = [sys.executable, "-c", code, name, str(rounds)]
    return float(cpu_s(command, folder, as_user=as_user)[1].split()[-1])


def commands(who: str, name: str) -> list[str]:
    """Return the command that records data."""
    return [str(BIN / "mlops"), "data", "snapshot", name] if who == "ours" else [str(BIN / "dvc"), "add", "-q", name]


def make_project(root: Path) -> Path:
    """Make a project with an empty DVC repository."""
    root.mkdir(parents=True)
    (root / "workbench.toml").write_text(PROJECT)
    subprocess.run([BIN / "dvc", "init", "-q", "--no-scm"], cwd=root, check=True, env={**os.environ, "HOME": str(root)})
    return root


def many_files(folder: Path) -> None:
    """Write ten thousand small files, in fifty folders."""
    for number in range(FILES):
        path = folder / f"{number % 50:02}" / f"image_{number:05}.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"%d" % number * 200)


def big_file(path: Path, size: int, seed: int) -> None:
    """Write bytes that nobody has seen before."""
    block = os.urandom(1 << 20)
    with path.open("wb") as stream:
        for number in range(size >> 20):
            stream.write(b"%16d%16d" % (seed, number) + block[32:])


def disk_bytes(*roots: Path) -> int:
    """Return the bytes that files take on the disk, each file once however many names it has."""
    seen: dict[tuple[int, int], int] = {}
    for root in roots:
        for path in [root, *root.rglob("*")]:
            status = path.lstat()
            if path.is_file():
                seen[status.st_dev, status.st_ino] = status.st_blocks * 512
    return sum(seen.values())


class Budgets:
    """Print each figure with its budget and remember whether one was missed."""

    def __init__(self) -> None:
        self.is_broken = False

    def say(self, name: str, value: float, limit: float | None, form: str = "{:8.3f} s") -> None:
        """Print one figure."""
        verdict = ""
        if limit is not None:
            verdict = f"  budget {form.format(limit).strip()}: {'kept' if value <= limit else 'MISSED'}"
            self.is_broken |= value > limit
        print(f"{name:<52}{form.format(value)}{verdict}", flush=True)


def unchanged(budgets: Budgets, place: Path) -> None:
    """Measure ten thousand files that are as they were."""
    roots = {who: make_project(place / f"unchanged-{who}") for who in IN_PROCESS}
    for root in roots.values():
        many_files(root / "data")
    time.sleep(0.1)
    print(f"\n{FILES} files")
    first = {who: cpu_s(commands(who, "data"), root)[0] for who, root in roots.items()}
    for who, value in first.items():
        budgets.say(f"first time, command, {who}", value, None)
    budgets.say("first time, ours / dvc add", first["ours"] / first["dvc"], None, "{:8.3f}  ")
    alone: dict[str, list[float]] = {who: [] for who in roots}
    command: dict[str, list[float]] = {who: [] for who in roots}
    for _ in range(ROUNDS):
        for who, root in roots.items():
            alone[who].append(in_process(who, root, "data", 5))
            command[who].append(cpu_s(commands(who, "data"), root)[0])
    for kind, spent in (("in process", alone), ("command", command)):
        figures = {who: statistics.median(values) for who, values in spent.items()}
        budgets.say(f"unchanged, {kind}, ours", figures["ours"], 0.15 if kind == "in process" else None)
        budgets.say(f"unchanged, {kind}, dvc add", figures["dvc"], None)
        limit = 1 / 10 if kind == "in process" else None
        budgets.say(f"unchanged, {kind}, ours / dvc add", figures["ours"] / figures["dvc"], limit, "{:8.3f}  ")


def big_folder(folder: Path, size: int, seed: int) -> None:
    """Write the same amount in files of one mebibyte."""
    folder.mkdir()
    for number in range(size >> 20):
        big_file(folder / f"{number}.bin", 1 << 20, seed * 10_000 + number)


LAYOUTS = {"one file": big_file, "files of 1 MiB": big_folder}


def first_time(budgets: Budgets, place: Path, size: int, layout: str) -> None:
    """Measure data that was never seen before, as an ordinary user, for whom read-only means read-only.

    md5 is part of DVC's format: both have to compute it. Its share is measured beside them.
    """
    kinds = ("command", "in process")
    spent: dict[tuple[str, str], list[float]] = {(kind, who): [] for kind in kinds for who in IN_PROCESS}
    disk: dict[str, list[float]] = {who: [] for who in IN_PROCESS}
    md5: list[float] = []
    for number in range(FIRST_ROUNDS):
        for (kind, who), seconds in spent.items():
            root = make_project(place / f"{kind}-{who}-{number}")
            LAYOUTS[layout](root / "big", size, number * 4 + len(md5))
            os.sync()
            if kind == "command":
                seconds.append(cpu_s(commands(who, "big"), root, as_user=True)[0])
                disk[who].append(disk_bytes(root / "big", root / ".dvc" / "cache") / size)
            else:
                seconds.append(in_process(who, root, "big", 1, as_user=True))
            if who == "ours":
                md5.append(cpu_s([sys.executable, "-c", MD5, str(root / "big")], root)[0])
            for used in (root / "big", root / ".dvc" / "cache"):  # the disk may be small
                shutil.rmtree(used) if used.is_dir() else used.unlink()
    share = size / (1 << 30)
    print(f"\n{share:g} GiB in {layout}, as an ordinary user")
    alone = statistics.median(md5)
    floor = cpu_s([sys.executable, "-c", IN_MEMORY, str(size)], place)[0]
    budgets.say("md5 of as many bytes in memory", floor, None)
    budgets.say("md5 of it alone", alone, None)
    for kind in kinds:
        ours, dvc = (statistics.median(spent[kind, who]) for who in ("ours", "dvc"))
        budgets.say(f"first time, {kind}, ours", ours, 2.5 if share == 1 else None)
        budgets.say(f"first time, {kind}, dvc add", dvc, None)
        budgets.say(f"first time, {kind}, ours / dvc add", ours / dvc, None, "{:8.3f}  ")
        budgets.say("… of which md5 in memory, the least there is", floor / dvc, None, "{:8.3f}  ")
        if kind == "in process":
            beside = (ours - alone) / (dvc - alone)
            budgets.say("… what is added to md5, ours / dvc add", beside, 1 / 5, "{:8.3f}  ")
    budgets.say("on the disk, ours", statistics.median(disk["ours"]), 1.01, "{:8.3f} x")
    budgets.say("on the disk, dvc add", statistics.median(disk["dvc"]), None, "{:8.3f} x")


def main() -> int:
    """Print the figures; 1 where a budget is missed."""
    budgets = Budgets()
    size = (1 << 27) if "--quick" in sys.argv else (1 << 30)
    steps: list[Callable[[Path], None]] = [
        lambda place: unchanged(budgets, place),
        lambda place: first_time(budgets, place, size, "one file"),
        lambda place: first_time(budgets, place, size, "files of 1 MiB"),
    ]
    for step in steps:
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder)
            place.chmod(0o755)
            step(place)
    return int(budgets.is_broken)


if __name__ == "__main__":
    sys.exit(main())
