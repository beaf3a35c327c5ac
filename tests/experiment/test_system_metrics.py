"""Samples of the machine land in the run under MLflow's names, cost next to nothing and can be switched off."""

import subprocess
import sys
import time
import types

import psutil
import pytest

import workbench
from workbench.experiment import session, system_metrics
from workbench.experiment.capture import quiet
from workbench.experiment.runs import list_runs, show_run
from workbench.foundation.project import Project


@pytest.fixture(autouse=True)
def in_project(project, monkeypatch):
    monkeypatch.chdir(project.root)
    monkeypatch.setattr(system_metrics, "FIRST_S", 0.05)


def wait_for(project, run, count):
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        history = {key: points for key, points in show_run(project, run).history.items() if key.startswith("system/")}
        if history and all(len(points) >= count for points in history.values()):
            return history
        time.sleep(0.1)
    raise AssertionError("no samples")


def test_a_run_has_them_under_mlflows_names(project):
    from mlflow.system_metrics.metrics.cpu_monitor import CPUMonitor
    from mlflow.system_metrics.metrics.disk_monitor import DiskMonitor
    from mlflow.system_metrics.metrics.network_monitor import NetworkMonitor

    with workbench.run() as run:
        history = wait_for(project, run, 1)
    theirs = set()
    for monitor in (CPUMonitor(), DiskMonitor(), NetworkMonitor()):
        monitor.collect_metrics()
        theirs |= {f"system/{name}" for name in monitor.aggregate_metrics()}
    assert set(history) == theirs | {"system/process_cpu_percentage", "system/process_memory_megabytes"}
    total = psutil.virtual_memory().total / 1e6
    assert 0 < history["system/system_memory_usage_megabytes"][0].value < total
    assert list_runs(project)[0].metrics == {}


def test_they_go_on_and_end_with_the_run(project, tmp_path):
    (project.root / "workbench.toml").write_text(
        '[project]\nname = "demo"\n[experiment]\nsystem_metrics_interval_s = 0.05\n'
    )
    with workbench.run() as run:
        history = wait_for(Project.open(), run, 3)
    assert [point.step for point in history["system/cpu_utilization_percentage"]][:3] == [0, 1, 2]
    assert session._session._machine == {}
    before = len(show_run(project, run).history["system/cpu_utilization_percentage"])
    time.sleep(0.3)
    assert len(show_run(project, run).history["system/cpu_utilization_percentage"]) == before
    assert not (project.root / ".workbench" / "outbox" / f"{run}.log").exists()


def test_they_can_be_switched_off(project):
    (project.root / "workbench.toml").write_text('[project]\nname = "demo"\n[experiment]\nsystem_metrics = false\n')
    with workbench.run() as run:
        time.sleep(0.3)
    assert show_run(project, run).history == {}


def test_children_count(project):
    burn = "import time\nwhile time.process_time() < 0.3: pass\nprint(1, flush=True)\ninput()"
    before = system_metrics._tree()
    with subprocess.Popen([sys.executable, "-c", burn], stdin=-1, stdout=-1, text=True) as child:
        child.stdout.readline()
        busy, resident = system_metrics._tree()
        mine = system_metrics._tree_of_psutil()
        child.communicate("\n")
    assert busy - before[0] >= 0.25
    assert resident > before[1]
    assert mine[0] == pytest.approx(busy, abs=0.2)
    assert mine[1] == pytest.approx(resident, rel=0.2)


def test_a_sample_costs_less_than_a_thousandth_of_a_core():
    samples = system_metrics.samples()
    next(samples)
    begun = time.process_time()
    for _ in range(20):
        next(samples)
    assert (time.process_time() - begun) / 20 < 10 * 0.001


def test_a_broken_sampler_never_fails_the_run(project, monkeypatch, capsys):
    def broken():
        raise RuntimeError("planted")
        yield {}

    monkeypatch.setattr(quiet, "_said", set())
    monkeypatch.setattr(system_metrics, "samples", broken)
    with workbench.run() as run:
        time.sleep(0.3)
    assert show_run(project, run).card.state == "FINISHED"
    assert "planted" in capsys.readouterr().err


class Nvml(types.ModuleType):
    """A stand-in for ``pynvml`` where there are two GPUs, the second of which tells little; test machines have none."""

    class NVMLError(Exception):
        pass

    def __init__(self, gpus: int = 2, has_driver: bool = True) -> None:
        super().__init__("pynvml")
        self._gpus, self._has_driver = gpus, has_driver

    def nvmlInit(self) -> None:  # noqa: N802 - NVIDIA's names
        if not self._has_driver:
            raise self.NVMLError("Driver Not Loaded")

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802
        return self._gpus

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:  # noqa: N802
        return index

    def nvmlDeviceGetMemoryInfo(self, handle: int) -> types.SimpleNamespace:  # noqa: N802
        return types.SimpleNamespace(used=(handle + 1) * 2_000_000_000, total=8_000_000_000)

    def nvmlDeviceGetUtilizationRates(self, handle: int) -> types.SimpleNamespace:  # noqa: N802
        if handle:
            raise self.NVMLError("Not Supported")
        return types.SimpleNamespace(gpu=73, memory=20)

    def nvmlDeviceGetPowerUsage(self, handle: int) -> int:  # noqa: N802
        if handle:
            raise self.NVMLError("Not Supported")
        return 150_000

    def nvmlDeviceGetEnforcedPowerLimit(self, handle: int) -> int:  # noqa: N802
        return 300_000


def test_gpus_are_sampled_as_mlflow_samples_them(monkeypatch):
    from mlflow.system_metrics.metrics import gpu_monitor

    nvml = Nvml()
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    monkeypatch.setattr(gpu_monitor, "pynvml", nvml, raising=False)
    theirs = gpu_monitor.GPUMonitor()
    theirs.collect_metrics()
    ours = {key: value for read in system_metrics._gpus() for key, value in read().items()}
    assert ours == theirs.aggregate_metrics()
    assert ours["gpu_0_utilization_percentage"] == 73
    assert not any(key.startswith("gpu_1_power") for key in ours)
    with workbench.run() as run:
        history = wait_for(session.current_run()[0], run, 1)
    assert {f"system/{key}" for key in ours} <= history.keys()


@pytest.mark.parametrize("nvml", [None, Nvml(has_driver=False), Nvml(gpus=0)])
def test_without_a_gpu_there_is_nothing_to_sample(monkeypatch, nvml):
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    assert system_metrics._gpus() == []
