"""What a run takes of its machine: processor, memory, disk, network and GPUs, every ten seconds.

The names are MLflow's own (``system/cpu_utilization_percentage``, …), so ``mlflow ui`` shows them on its page for
system metrics; two more say what the run's own processes take, which on a shared machine is the question. One thread a
run; a sample takes a quarter of a millisecond and goes through the append log, so a killed kernel keeps what was seen.

GPUs are read where ``pynvml`` (package ``nvidia-ml-py``) is installed and a driver answers, else left out.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from workbench.experiment.capture.quiet import quietly
from workbench.experiment.store.append_log import METRIC, append
from workbench.foundation.project import Project

PREFIX = "system/"
FIRST_S = 1.0
_MEGA = 1e6


class SystemMetrics:
    """Sample this machine and this process with its children, until :meth:`stop`.

    Args:
        project: Where the run is.
        run: The run.
        interval_s: Seconds between samples; the first comes after one second, so that a short run has one.
    """

    def __init__(self, project: Project, run: str, interval_s: float) -> None:
        self._project, self._run, self._interval_s = project, run, interval_s
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="wb-system-metrics", daemon=True)

    def start(self) -> None:
        """Begin; never raises."""
        with quietly("system metrics"):
            self._thread.start()

    def stop(self) -> None:
        """Take no further sample."""
        self._stopped.set()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(timeout=2)

    def _watch(self) -> None:
        with quietly("system metrics"):
            if self._stopped.wait(min(FIRST_S, self._interval_s)):
                return
            for step, figures in enumerate(samples()):
                at_ms = int(time.time() * 1000)
                for name, value in figures.items():
                    append(self._project, self._run, METRIC, PREFIX + name, value, step, at_ms)
                if self._stopped.wait(self._interval_s):
                    return


def samples() -> Iterator[dict[str, float]]:
    """Yield what the machine and this process do: processor since the sample before, network since the start."""
    import psutil

    network = psutil.net_io_counters()
    since_start = time.time() - psutil.Process().create_time()
    before, at = 0.0, time.monotonic() - max(since_start, 0.001)
    psutil.cpu_percent()
    gpus = _gpus()
    while True:
        memory, disk, now = psutil.virtual_memory(), psutil.disk_usage(os.sep), psutil.net_io_counters()
        busy_s, resident = _tree()
        moment = time.monotonic()
        figures = {
            "cpu_utilization_percentage": psutil.cpu_percent(),
            "system_memory_usage_megabytes": memory.used / _MEGA,
            "system_memory_usage_percentage": memory.used / memory.total * 100,
            "disk_usage_percentage": disk.percent,
            "disk_usage_megabytes": disk.used / _MEGA,
            "disk_available_megabytes": disk.free / _MEGA,
            "process_cpu_percentage": max(0.0, busy_s - before) / max(moment - at, 0.001) * 100,
            "process_memory_megabytes": resident / _MEGA,
        }
        if network and now:  # a machine without a network has neither
            figures["network_receive_megabytes"] = (now.bytes_recv - network.bytes_recv) / _MEGA
            figures["network_transmit_megabytes"] = (now.bytes_sent - network.bytes_sent) / _MEGA
        for read in gpus:
            figures.update(read())
        before, at = busy_s, moment
        yield {name: round(value, 1) for name, value in figures.items()}


def _tree() -> tuple[float, float]:
    """Return processor seconds and resident bytes of this process and its living children."""
    if not sys.platform.startswith("linux"):
        return _tree_of_psutil()
    # psutil looks at every process of the machine to find the children of one; Linux keeps them in a file each thread.
    tick, page = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")
    busy, resident, waiting = 0.0, 0.0, [os.getpid()]
    while waiting:
        folder = Path(f"/proc/{waiting.pop()}")
        with contextlib.suppress(OSError, ValueError, IndexError):  # it has just ended
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            busy += (int(fields[11]) + int(fields[12])) / tick
            resident += int(fields[21]) * page
            for children in folder.glob("task/*/children"):
                waiting += map(int, children.read_text().split())
    return busy, resident


def _tree_of_psutil() -> tuple[float, float]:
    import psutil

    busy, resident = 0.0, 0.0
    for process in (psutil.Process(), *psutil.Process().children(recursive=True)):
        with contextlib.suppress(psutil.Error):
            times = process.cpu_times()
            busy += times.user + times.system
            resident += process.memory_info().rss
    return busy, resident


def _gpus() -> list[Callable[[], dict[str, float]]]:
    """Return one reader a GPU; none where NVIDIA's library is missing or finds no driver."""
    try:
        import pynvml  # type: ignore[import-not-found]
    except ImportError:
        return []
    try:
        pynvml.nvmlInit()
        handles = [pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(pynvml.nvmlDeviceGetCount())]
    except pynvml.NVMLError:
        return []
    return [lambda index=index, handle=handle: _gpu(pynvml, index, handle) for index, handle in enumerate(handles)]  # type: ignore[misc]


def _gpu(nvml: Any, index: int, handle: Any) -> dict[str, float]:
    """Read one GPU; what it does not tell is left out."""
    found: dict[str, float] = {}
    with contextlib.suppress(nvml.NVMLError):
        memory = nvml.nvmlDeviceGetMemoryInfo(handle)
        found[f"gpu_{index}_memory_usage_percentage"] = memory.used / memory.total * 100
        found[f"gpu_{index}_memory_usage_megabytes"] = memory.used / _MEGA
    with contextlib.suppress(nvml.NVMLError):
        found[f"gpu_{index}_utilization_percentage"] = nvml.nvmlDeviceGetUtilizationRates(handle).gpu
    with contextlib.suppress(nvml.NVMLError):
        milliwatts = nvml.nvmlDeviceGetPowerUsage(handle)
        found[f"gpu_{index}_power_usage_watts"] = milliwatts / 1000
        found[f"gpu_{index}_power_usage_percentage"] = milliwatts / nvml.nvmlDeviceGetEnforcedPowerLimit(handle) * 100
    return found
