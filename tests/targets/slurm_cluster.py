"""A real Slurm cluster of one node in a folder: its own munge, controller and node daemon, and nothing of the system's.

Debian's ``slurm-wlm`` brings the programs. Everything else (key, socket, configuration, state, spool, logs) lies in the
folder, so several clusters live side by side and nothing is left behind. Commands find it through wrappers in
``cluster.bin`` that set ``SLURM_CONF``; it listens on loopback only.
"""

from __future__ import annotations

import getpass
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

_RENAMED = ("unshare", "--uts", "sh", "-c", 'hostname localhost; exec "$@"', "sh")
"""How a daemon is started on a machine whose own name does not mean loopback: it sees another name."""

COMMANDS = ("sbatch", "squeue", "scontrol", "scancel", "sinfo", "srun")
_STARTED_WITHIN_S = 60.0

_CONFIG = """
ClusterName=workbench
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmdPort={node_port}
AuthType=auth/munge
AuthInfo=socket={munge_socket}
CredType=cred/munge
SlurmUser={user}
SlurmdUser={user}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
MpiDefault=none
SwitchType=switch/none
TaskPlugin=task/none
ProctrackType=proctrack/linuxproc
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=1
JobAcctGatherParams=OverMemoryKill
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SchedulerType=sched/backfill
SchedulerParameters=bf_interval=1,sched_interval=1,sched_min_interval=0,batch_sched_delay=0
SlurmdParameters=config_overrides
ReturnToService=2
GresTypes=gpu
MinJobAge={forgets_after_s}
KillWait=5
MessageTimeout=5
SlurmctldTimeout=30
SlurmdTimeout=60
InactiveLimit=0
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
PreemptType=preempt/partition_prio
PreemptMode=CANCEL
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory={memory_mb} Gres=gpu:2 State=UNKNOWN
PartitionName=main Nodes={host} Default=YES MaxTime=INFINITE DefMemPerCPU=1000 State=UP PriorityTier=10
PartitionName=tiny Nodes={host} MaxTime=1 DefMemPerCPU=256 MaxMemPerNode=512 State=UP PriorityTier=10
PartitionName=spot Nodes={host} MaxTime=INFINITE DefMemPerCPU=1000 State=UP PriorityTier=1 PreemptMode=CANCEL
PartitionName=shut Nodes={host} State=DOWN
"""


@dataclass
class SlurmCluster:
    """One node that offers itself as a cluster.

    Attributes:
        folder: Everything it needs and writes.
        cpus: How many it says it has.
        forgets_after_s: Seconds after which the controller knows nothing more of an ended job (``MinJobAge``).
    """

    folder: Path
    cpus: int = 4
    memory_mb: int = 8_000
    forgets_after_s: int = 300
    _processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def host(self) -> str:
        """The node's and the controller's name, which has to mean loopback."""
        return socket.gethostname() if _is_loopback(socket.gethostname()) else "localhost"

    @property
    def config(self) -> Path:
        return self.folder / "slurm.conf"

    @property
    def bin(self) -> Path:
        """Folder of commands that talk to this cluster."""
        return self.folder / "bin"

    def start(self) -> None:
        """Start munge, the controller and the node, and wait until a job could run."""
        self._write_files()
        self._start("munged", "--foreground", "--force", *self._munge_options())
        _wait_for(self._munge_socket.exists, "munge", self.log)
        self.start_controller()
        self._start("slurmd", "-D", "-f", str(self.config), "-N", self.host)
        _wait_for(lambda: self.node_state() == "idle", "node", self.log)

    def stop(self) -> None:
        """End everything, also jobs that still run."""
        if "slurmctld" in self._processes:
            self.run("scancel", "--user", getpass.getuser(), is_checked=False)
            self.run("scancel", "--user", getpass.getuser(), "--signal=KILL", "--full", is_checked=False)
        for name in ("slurmd", "slurmctld", "munged"):
            self._stop(name)
        for pid in processes_of(self.folder):
            _kill(pid)

    def start_controller(self) -> None:
        """Start the controller, unless it is there; what it knew it reads from its state."""
        if "slurmctld" in self._processes:
            return
        self._start("slurmctld", "-D", "-f", str(self.config))
        _wait_for(lambda: " UP" in self.run("scontrol", "ping", is_checked=False), "controller", self.log)

    def stop_controller(self) -> None:
        """Take the controller away; jobs go on."""
        self._stop("slurmctld")

    def clear(self) -> None:
        """End every job, so that the next test finds an idle node whatever became of this one."""
        self.start_controller()
        for signal_word in ((), ("--signal=KILL", "--full")):
            self.run("scancel", "--user", getpass.getuser(), *signal_word, is_checked=False)
        _wait_for(lambda: not self.run("squeue", "--noheader", "--me", is_checked=False).strip(), "idle node", self.log)

    def node_state(self) -> str:
        for name, process in self._processes.items():
            assert process.poll() is None, f"{name} has ended\n{self.log()}"
        return self.run("sinfo", "--noheader", "--partition=main", "--format=%T", is_checked=False).strip()

    def run(self, command: str, *words: str, is_checked: bool = True, timeout_s: float = 30.0) -> str:
        """Run one of Slurm's commands against this cluster and return its output."""
        done = subprocess.run(
            [str(self.bin / command), *words], capture_output=True, text=True, timeout=timeout_s, check=False
        )
        if is_checked and done.returncode:
            raise AssertionError(f"{command} {' '.join(words)}: {done.stderr}\n{self.log()}")
        return done.stdout

    def log(self) -> str:
        """Return the last lines of every daemon's log."""
        tails = []
        for path in sorted(self.folder.glob("*.log")):
            lines = path.read_text(errors="replace").splitlines()[-15:]
            tails.append("\n".join([f"--- {path.name}", *lines]))
        return "\n".join(tails)

    @property
    def _munge_socket(self) -> Path:
        return self.folder / "munge" / "socket"

    def _munge_options(self) -> list[str]:
        munge = self.folder / "munge"
        return [
            f"--key-file={munge}/key",
            f"--socket={self._munge_socket}",
            f"--pid-file={munge}/pid",
            f"--seed-file={munge}/seed",
            f"--log-file={self.folder}/munged.log",
        ]

    def _write_files(self) -> None:
        for name in ("munge", "state", "spool", "bin"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        (self.folder / "munge").chmod(0o711)
        key = self.folder / "munge" / "key"
        key.write_bytes(secrets.token_bytes(128))
        key.chmod(0o600)
        controller_port, node_port = _free_ports(2)
        text = _CONFIG.format(
            host=self.host,
            folder=self.folder,
            munge_socket=self._munge_socket,
            user=getpass.getuser(),
            cpus=self.cpus,
            memory_mb=self.memory_mb,
            forgets_after_s=self.forgets_after_s,
            controller_port=controller_port,
            node_port=node_port,
        )
        self.config.write_text(text)
        for number in range(2):
            (self.folder / f"gpu{number}").touch()
        # Nothing here needs a control group; left to itself slurmd wants a systemd to make it one, or dies.
        (self.folder / "cgroup.conf").write_text("CgroupPlugin=cgroup/v1\nCgroupAutomount=no\n")
        (self.folder / "gres.conf").write_text(f"Name=gpu File={self.folder}/gpu[0-1]\n")
        for command in COMMANDS:
            wrapper = self.bin / command
            wrapper.write_text(f"#!/bin/sh\nSLURM_CONF='{self.config}' exec {shutil.which(command)} \"$@\"\n")
            wrapper.chmod(0o755)

    def _start(self, name: str, *words: str) -> None:
        program = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin")
        assert program, f"{name} is not installed: apt-get install slurm-wlm munge"
        out = (self.folder / f"{name}.out.log").open("ab")
        environment = {key: value for key, value in os.environ.items() if not key.startswith("SLURM")}
        self._processes[name] = subprocess.Popen(
            [*(() if self.host == socket.gethostname() else _RENAMED), program, *words],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env=environment,
            cwd=self.folder,
            start_new_session=True,
        )
        out.close()

    def _stop(self, name: str) -> None:
        process = self._processes.pop(name, None)
        if process is None:
            return
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(5)


def _wait_for(is_there: Callable[[], bool], what: str, log: Callable[[], str]) -> None:
    deadline = time.monotonic() + _STARTED_WITHIN_S
    while not is_there():
        assert time.monotonic() < deadline, f"the {what} did not come up in {_STARTED_WITHIN_S:g} s\n{log()}"
        time.sleep(0.1)


def _is_loopback(name: str) -> bool:
    try:
        return socket.gethostbyname(name).startswith("127.")
    except OSError:
        return False


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def processes_of(folder: Path) -> Iterator[int]:
    """Yield what this cluster's jobs started: every process inherits where the configuration lies."""
    mark = f"SLURM_CONF={folder}/".encode()
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and mark in (entry / "environ").read_bytes():
                yield int(entry.name)
        except OSError:  # gone meanwhile, or another user's
            continue


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


@contextmanager
def running_cluster(folder: Path, **options: int) -> Iterator[SlurmCluster]:
    """Start a cluster in a folder, and take everything away again."""
    cluster = SlurmCluster(folder, **options)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def slurm_cluster() -> Iterator[SlurmCluster]:
    """One cluster for all tests of a worker."""
    with running_cluster(Path(tempfile.mkdtemp(prefix="slurm-"))) as cluster:
        yield cluster
