"""A world behind a real ``sshd`` and a link that can be pulled, with a small disk where the test may mount one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil

from tests.targets.link import Link
from tests.targets.sshd import Sshd
from tests.targets.worlds.world import World


class SshWorld(World):
    """One machine, reached as ``far box`` would be by anybody's ``~/.ssh/config``."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.base = folder / "jobs of 'ada' データ"
        self.base.mkdir()
        self._is_mounted = os.geteuid() == 0 and self._mount()
        if not self._is_mounted:
            self.cannot = {"disk-full": "only root may mount a small file system"}
        (folder / "sshd").mkdir()
        self._sshd = Sshd.start(folder / "sshd")
        self._link = Link(self._sshd.port)
        self._config = self._sshd.config("far-box", port=self._link.port)

    def _mount(self) -> bool:
        command = ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(self.base)]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    def close(self) -> None:
        """Take everything away again."""
        self._link.break_off()
        self._sshd.stop()
        if self._is_mounted:
            subprocess.run(["umount", "-l", str(self.base)], check=False)

    def toml(self) -> str:
        options = {
            "kind": "ssh",
            "host": "far-box",
            "ssh_config": str(self._config),
            "folder": str(self.base),
            "python": sys.executable,
        }
        lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in options.items()]
        return "\n".join([*lines, "lost_after_s = 8.0", "min_free_disk_gb = 0.0", ""])

    def cut_link(self) -> None:
        self._link.silence()

    def mend_link(self) -> None:
        self._link.mend()

    def kill_runner(self, execution: str) -> None:
        started = json.loads((self.base / "jobs" / execution / "started").read_text())
        os.kill(started["pid"], signal.SIGKILL)

    def processes(self, execution: str) -> list[str]:
        found = []
        for process in psutil.process_iter():
            try:
                if process.environ().get("WORKBENCH_JOB") == execution and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(" ".join(process.cmdline()))
            except psutil.Error:
                continue
        return found

    def starts(self, execution: str) -> int:
        path = self.base / "jobs" / execution / "events.jsonl"
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        return sum(json.loads(line)["kind"] == "start" for line in lines)

    def fill_disk(self) -> None:
        with (self.base / "ballast").open("wb", buffering=0) as stream:
            try:
                while stream.write(bytes(65536)):
                    pass
            except OSError:
                return

    def free_disk(self) -> None:
        (self.base / "ballast").unlink(missing_ok=True)

    def log(self) -> str:
        return (self._sshd.folder / "log").read_text(errors="replace")[-2000:]
