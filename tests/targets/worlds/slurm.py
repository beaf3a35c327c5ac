"""A Slurm cluster of one node, spoken to from its own login node; its link is its controller."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import psutil

from tests.targets.slurm_cluster import SlurmCluster
from tests.targets.worlds.world import World, line_of


class Slurm(World):
    """A cluster whose jobs lie on a small file system of its own, where the test may mount one."""

    lag_s = 3.0

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="slurm-"))  # a socket's name must be short
        self.base = folder / "shared folder"
        self.base.mkdir()
        self._is_mounted = self._mount()
        if not self._is_mounted:
            self.cannot = {"disk-full": "only root may mount a small file system"}
        self.cluster = SlurmCluster(self.folder, cpus=8, memory_mb=16_000)
        self.cluster.start()

    def _mount(self) -> bool:
        command = ["mount", "-t", "tmpfs", "-o", "size=128m", "tmpfs", str(self.base)]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    def close(self) -> None:
        """Take everything away again."""
        self.mend_link()
        self.cluster.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
        if self._is_mounted:
            subprocess.run(["umount", "-l", str(self.base)], check=False)

    def toml(self) -> str:
        return (
            f'kind = "slurm"\nfolder = "{self.base}"\npython = "{sys.executable}"\nbin = "{self.cluster.bin}"\n'
            "lost_after_s = 8.0\nmin_free_disk_gb = 0.01\n"
        )

    def cut_link(self) -> None:
        self.cluster.stop_controller()

    def mend_link(self) -> None:
        self.cluster.start_controller()

    def kill_runner(self, execution: str) -> None:
        for process in self._of(execution):
            if "runner.py" in line_of(process):
                process.send_signal(signal.SIGKILL)

    def processes(self, execution: str) -> list[str]:
        return [line for process in self._of(execution) if (line := line_of(process))]

    def starts(self, execution: str) -> int:
        listed = self.cluster.run("squeue", "--noheader", "--states=all", f"--name={execution}", "--format=%i")
        return len(listed.split())

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

    def log(self) -> str:
        return self.cluster.log()

    def _of(self, execution: str) -> list[psutil.Process]:
        return [process for process in psutil.process_iter() if _execution(process) == execution]


def _execution(process: psutil.Process) -> str:
    try:
        if process.status() == psutil.STATUS_ZOMBIE:
            return ""
        environment = process.environ()
    except psutil.Error:
        return ""
    return str(environment.get("WORKBENCH_JOB", "")) if "SLURM_JOB_ID" in environment else ""
