"""A world of this machine alone: an adapter that somebody else might bring, found through its entry point.

It is the sample of a third-party target: it carries the job directory into another folder, starts the runner there and
asks the files. Its link is a file whose presence means that nothing gets through.
"""

from __future__ import annotations

import importlib
import os
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import psutil

from tests.targets.worlds.world import World, line_of

ADAPTER = (Path(__file__).parent / "neighbour_adapter.py").read_text(encoding="utf-8")


class Neighbour(World):
    """Another folder of this machine, on a small file system of its own where the test may mount one."""

    lag_s = 2.0

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder
        self.site = folder / "site"
        self.base = folder / "there"
        self.base.mkdir(parents=True)
        self._mounted = False
        if os.geteuid() != 0 or self._mount().returncode != 0:
            self.cannot = {"disk-full": "only root may mount a small file system"}
        self._install()

    def _mount(self) -> subprocess.CompletedProcess[bytes]:
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(self.base)], capture_output=True, check=False
        )
        self._mounted = done.returncode == 0
        return done

    def _install(self) -> None:
        """Install a distribution with the adapter, the way pip would, for this process and its children."""
        info = self.site / "wb_neighbour-1.0.dist-info"
        info.mkdir(parents=True)
        (self.site / "wb_neighbour.py").write_text(ADAPTER, encoding="utf-8")
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: wb-neighbour\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text("[workbench.targets]\nneighbour = wb_neighbour:NeighbourTarget\n")
        sys.path.insert(0, str(self.site))
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(self.site), os.environ.get("PYTHONPATH", "")]))
        importlib.invalidate_caches()

    def close(self) -> None:
        """Take everything away again."""
        sys.path.remove(str(self.site))
        paths = os.environ["PYTHONPATH"].split(os.pathsep)
        os.environ["PYTHONPATH"] = os.pathsep.join(path for path in paths if path != str(self.site))
        for process in self._all():
            process.kill()
        if self._mounted:
            subprocess.run(["umount", "-l", str(self.base)], check=False)
        shutil.rmtree(self.folder, ignore_errors=True)

    def toml(self) -> str:
        return f'kind = "neighbour"\nfolder = "{self.base}"\nlost_after_s = 8.0\n'

    def cut_link(self) -> None:
        (self.site / "cut").touch()

    def mend_link(self) -> None:
        (self.site / "cut").unlink(missing_ok=True)

    def kill_runner(self, execution: str) -> None:
        for process in self._of(execution):
            if "runner.py" in line_of(process):
                process.send_signal(signal.SIGKILL)

    def processes(self, execution: str) -> list[str]:
        return [line for process in self._of(execution) if (line := line_of(process))]

    def starts(self, execution: str) -> int:
        path = self.base / "jobs" / execution / "starts.txt"
        return len(path.read_text().splitlines()) if path.exists() else 0

    def fill_disk(self) -> None:
        with (
            suppress(OSError),
            (self.base / "ballast").open("wb") as stream,
        ):  # no room for the file is full, too
            while True:
                stream.write(b"\0" * 65536)
                stream.flush()

    def free_disk(self) -> None:
        (self.base / "ballast").unlink(missing_ok=True)

    def _of(self, execution: str) -> list[psutil.Process]:
        return [process for process in self._all() if _mark(process) == execution]

    def _all(self) -> list[psutil.Process]:
        return [process for process in psutil.process_iter() if _mark(process, "WB_NEIGHBOUR") == str(self.base)]


def _mark(process: psutil.Process, name: str = "WB_EXECUTION") -> str:
    try:
        return str(process.environ().get(name, "")) if process.status() != psutil.STATUS_ZOMBIE else ""
    except psutil.Error:
        return ""
