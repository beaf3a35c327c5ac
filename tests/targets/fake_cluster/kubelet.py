"""The node: pulls images, mounts volumes, runs each pod's container, keeps its log, tells how it ended."""

from __future__ import annotations

import base64
import os
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from tests.targets.fake_cluster import sandbox
from tests.targets.fake_cluster.objects import JsonObject, Objects, now, set_condition
from workbench.compute.kubernetes.capacity import quantity

_MESSAGE_BYTES, _MESSAGE_LINES = 2048, 80


class Log:
    """A container's log: lines with the time they were written, rotated by size; readers may follow."""

    def __init__(self, limit_bytes: int) -> None:
        self._lines: list[tuple[datetime, bytes]] = []
        self._dropped = self._bytes = 0
        self._limit = limit_bytes
        self._changed = threading.Condition()
        self.is_closed = False

    def write(self, line: bytes) -> None:
        """Append a line; when the file is full, a new one begins and readers see that one only."""
        with self._changed:
            if self._bytes + len(line) > self._limit:
                self._dropped += len(self._lines)
                self._lines, self._bytes = [], 0
            self._lines.append((datetime.now(UTC), line))
            self._bytes += len(line)
            self._changed.notify_all()

    def close(self) -> None:
        """Say that nothing more will come."""
        with self._changed:
            self.is_closed = True
            self._changed.notify_all()

    def read(self, since: datetime | None, tail: int | None, *, follow: bool, stamps: bool) -> Iterator[bytes]:
        """Yield lines as the log endpoint does."""
        position = self._dropped
        if tail is not None:
            position += max(0, len(self._lines) - tail)
        while True:
            with self._changed:
                while follow and not self.is_closed and position - self._dropped >= len(self._lines):
                    if not self._changed.wait(0.5):
                        break
                lines = self._lines[max(0, position - self._dropped) :]
                position = self._dropped + len(self._lines)
                is_last = not follow or self.is_closed
            for at, line in lines:
                if since is None or at >= since:
                    yield (f"{at.strftime('%Y-%m-%dT%H:%M:%S.%f')}000Z ".encode() if stamps else b"") + line
            if not lines:
                yield b""  # lets the server notice that the reader has gone
            if is_last:
                return

    def tail_text(self) -> str:
        """Return what a termination message falls back to."""
        with self._changed:
            text = b"".join(line for _, line in self._lines[-_MESSAGE_LINES:])
        return text[-_MESSAGE_BYTES:].decode(errors="replace")


@dataclass
class Running:
    """A container that was started."""

    process: Any
    log: Log
    root: Path
    began: float
    memory_limit: float
    scratch: dict[str, tuple[Path, float]]
    is_oom: bool = False
    kill_at: float = 0.0
    reason: str = ""
    message: str = ""
    seen: set[int] = field(default_factory=set)

    @property
    def init(self) -> psutil.Process | None:
        """The container's process number 1, as the node sees it."""
        try:
            return next(iter(psutil.Process(self.process.pid).children()), None)
        except psutil.Error:
            return None

    def processes(self) -> list[psutil.Process]:
        """Every process in the container."""
        first = self.init
        try:
            return [first, *first.children(recursive=True)] if first else []
        except psutil.Error:
            return []

    def signal(self, number: int) -> None:
        """Send a signal to the container's first process."""
        if first := self.init:
            try:
                first.send_signal(number)
            except psutil.Error:
                return


class Kubelet:
    """One node."""

    def __init__(self, objects: Objects, folder: Path, images: dict[str, sandbox.Image]) -> None:
        self.objects, self.folder, self.images = objects, folder, images
        self.running: dict[str, Running] = {}
        self.logs: dict[str, Log] = {}
        self.log_limit_bytes = 10 << 20
        self.starts: dict[str, int] = {}
        self._pulled: dict[str, float] = {}
        self._placed: set[str] = set()

    def tick(self) -> None:
        """Bring every pod of the node one step further."""
        for pod in self.objects.list("pods"):
            if not pod["spec"].get("nodeName"):
                if pod["metadata"].get("deletionTimestamp"):
                    self._finish(pod, "Failed", "", "")
                continue
            uid = pod["metadata"]["uid"]
            if uid in self.running:
                self._look_after(pod, self.running[uid])
            elif pod["status"].get("phase") == "Pending":
                self._bring_up(pod)
            elif pod["metadata"].get("deletionTimestamp"):
                self._gone(pod)
        alive = {pod["metadata"]["uid"] for pod in self.objects.list("pods")}
        for uid in [uid for uid in self.running if uid not in alive]:
            self._end(uid)
        for uid in self._placed - alive - set(self.running):
            shutil.rmtree(self.folder / "volumes" / uid, ignore_errors=True)
            self._placed.discard(uid)

    def close(self) -> None:
        """Kill everything."""
        for uid in list(self.running):
            self._end(uid)

    def _bring_up(self, pod: JsonObject) -> None:
        if pod["metadata"].get("deletionTimestamp"):
            self._finish(pod, "Failed", "", "")
            return
        container = pod["spec"]["containers"][0]
        image = self.images.get(container["image"])
        if image is None:
            self._wait_for_image(pod, container["image"])
            return
        security = {**pod["spec"].get("securityContext", {}), **container.get("securityContext", {})}
        user = security.get("runAsUser", image.user)
        if security.get("runAsNonRoot") and user == 0:
            text = "container has runAsNonRoot and image will run as root"
            self._wait(pod, "CreateContainerConfigError", text)
            return
        try:
            mounts, scratch = self._volumes(pod, container)
            env = self._env(pod, container)
        except LookupError as missing:
            kind = "CreateContainerConfigError" if "secret" in str(missing) else "ContainerCreating"
            self._wait(pod, kind, str(missing))
            return
        env = {"HOSTNAME": pod["metadata"]["name"], "KUBERNETES_SERVICE_HOST": "10.43.0.1", **env}
        command = [*container.get("command", []), *container.get("args", [])]
        group, folder = security.get("runAsGroup", user), container.get("workingDir") or "/"
        self._start(pod, image, sandbox.Process(command, env, user, group, folder), mounts, scratch)

    def _start(
        self,
        pod: JsonObject,
        image: sandbox.Image,
        wanted: sandbox.Process,
        mounts: list[sandbox.Mount],
        scratch: dict[str, tuple[Path, float]],
    ) -> None:
        container = pod["spec"]["containers"][0]
        uid = pod["metadata"]["uid"]
        root = self.folder / "roots" / uid
        process = sandbox.start(root, image, wanted, mounts)
        log = self.logs[uid] = Log(self.log_limit_bytes)
        limit = quantity(container.get("resources", {}).get("limits", {}).get("memory", "0"))
        self.running[uid] = Running(process, log, root, time.monotonic(), limit, scratch)
        owner = pod["metadata"]["labels"].get("job-name", pod["metadata"]["name"])
        self.starts[owner] = self.starts.get(owner, 0) + 1
        threading.Thread(target=_pump, args=(process.stdout, log), daemon=True).start()
        with self.objects.change("pods", pod["metadata"]["namespace"], pod["metadata"]["name"]) as kept:
            kept["status"]["phase"] = "Running"
            set_condition(kept, "Ready")
            set_condition(kept, "ContainersReady")
            kept["status"]["containerStatuses"] = [_status(container, {"running": {"startedAt": now()}}, is_ready=True)]

    def _look_after(self, pod: JsonObject, running: Running) -> None:
        uid, metadata = pod["metadata"]["uid"], pod["metadata"]
        if running.process.poll() is not None:
            self._ended(pod, running)
            return
        self._watch_limits(pod, running)
        limit = pod["spec"].get("activeDeadlineSeconds")
        if limit and time.monotonic() - running.began > limit and not running.reason:
            running.reason = "DeadlineExceeded"
            running.message = "Pod was active on the node longer than the specified deadline"
            self._terminate(pod, running)
        if metadata.get("deletionTimestamp") and not running.kill_at:
            self._terminate(pod, running, metadata.get("deletionGracePeriodSeconds"))
        if running.kill_at and time.monotonic() > running.kill_at:
            running.signal(signal.SIGKILL)
        assert uid in self.running

    def _terminate(self, pod: JsonObject, running: Running, grace_s: float | None = None) -> None:
        grace_s = pod["spec"].get("terminationGracePeriodSeconds", 30) if grace_s is None else grace_s
        running.kill_at = time.monotonic() + grace_s
        running.signal(signal.SIGTERM)

    def _watch_limits(self, pod: JsonObject, running: Running) -> None:
        if running.memory_limit:
            used = 0
            for process in running.processes():
                try:
                    used += process.memory_info().rss
                except psutil.Error:
                    continue
            if used > running.memory_limit:
                running.is_oom = True
                running.signal(signal.SIGKILL)
        for name, (path, limit) in running.scratch.items():
            if limit and not running.reason and _size(path) > limit:
                running.reason = "Evicted"
                running.message = f'Usage of EmptyDir volume "{name}" exceeds the limit "{int(limit)}". '
                self._terminate(pod, running, 0)

    def _ended(self, pod: JsonObject, running: Running) -> None:
        uid = pod["metadata"]["uid"]
        if not running.log.is_closed:
            return  # its last lines are still in the pipe
        code = running.process.returncode
        code = 128 - code if code < 0 else code
        reason = "OOMKilled" if running.is_oom else "Completed" if code == 0 else "Error"
        if code in (126, 127):
            code, reason = 128, "StartError"
        message = "" if code == 0 else running.log.tail_text()
        end = {"exitCode": code, "reason": reason, "finishedAt": now(), "message": message}
        del self.running[uid]
        is_good = code == 0 and not running.reason
        container = pod["spec"]["containers"][0]
        with self.objects.change("pods", pod["metadata"]["namespace"], pod["metadata"]["name"]) as kept:
            kept["status"]["containerStatuses"] = [_status(container, {"terminated": end}, is_ready=False)]
            set_condition(kept, "Ready", "False", "PodFailed" if not is_good else "PodCompleted")
        self._finish(pod, "Succeeded" if is_good else "Failed", running.reason, running.message)

    def _finish(self, pod: JsonObject, phase: str, reason: str, message: str) -> None:
        with self.objects.change("pods", pod["metadata"]["namespace"], pod["metadata"]["name"]) as kept:
            kept.setdefault("status", {})["phase"] = phase
            if reason:
                kept["status"].update(reason=reason, message=message)
        if pod["metadata"].get("deletionTimestamp"):
            self._gone(pod)

    def _gone(self, pod: JsonObject) -> None:
        """Give a deleted pod free; the Job controller may still hold it."""
        with self.objects.change("pods", pod["metadata"]["namespace"], pod["metadata"]["name"]) as kept:
            held = kept["metadata"].get("finalizers", [])
            kept["metadata"]["finalizers"] = [one for one in held if one != "fake/kubelet"]

    def _end(self, uid: str) -> None:
        running = self.running.pop(uid)
        running.signal(signal.SIGKILL)
        running.process.kill()
        running.process.wait()
        running.log.close()

    def _wait_for_image(self, pod: JsonObject, name: str) -> None:
        uid = pod["metadata"]["uid"]
        since = time.monotonic() - self._pulled.setdefault(uid, time.monotonic())
        text = f'failed to pull and unpack image "{name}": failed to resolve reference: not found'
        if since < 0.3:
            self._wait(pod, "ContainerCreating", "")
        elif int(since * 2) % 3 == 0:
            self._wait(pod, "ErrImagePull", text)
        else:
            self._wait(pod, "ImagePullBackOff", f'Back-off pulling image "{name}": ErrImagePull: {text}')

    def _wait(self, pod: JsonObject, reason: str, message: str) -> None:
        with self.objects.change("pods", pod["metadata"]["namespace"], pod["metadata"]["name"]) as kept:
            state = {"waiting": {"reason": reason, **({"message": message} if message else {})}}
            kept["status"]["containerStatuses"] = [_status(pod["spec"]["containers"][0], state, is_ready=False)]

    def _env(self, pod: JsonObject, container: JsonObject) -> dict[str, str]:
        env = {}
        for entry in container.get("env", []):
            if "value" in entry:
                env[entry["name"]] = entry["value"]
                continue
            reference = entry["valueFrom"]["secretKeyRef"]
            secret = self.objects.get("secrets", pod["metadata"]["namespace"], reference["name"])
            if secret is None:
                raise LookupError(f'secret "{reference["name"]}" not found')
            if reference["key"] not in secret["data"]:
                raise LookupError(f"couldn't find key {reference['key']} in secret")
            env[entry["name"]] = base64.b64decode(secret["data"][reference["key"]]).decode()
        return env

    def _volumes(self, pod: JsonObject, container: JsonObject) -> tuple[list[sandbox.Mount], dict]:
        sources, scratch = {}, {}
        uid = pod["metadata"]["uid"]
        base = self.folder / "volumes" / uid
        self._placed.add(uid)
        group = pod["spec"].get("securityContext", {}).get("fsGroup")
        for volume in pod["spec"].get("volumes", []):
            path = base / volume["name"]
            if "emptyDir" in volume:
                path.mkdir(parents=True, exist_ok=True)
                path.chmod(0o777 if group is None else 0o2777)
                os.chown(path, 0, group or 0)
                scratch[volume["name"]] = (path, quantity(volume["emptyDir"].get("sizeLimit", "0")))
            elif "configMap" in volume:
                path = self.folder / "config" / uid / volume["name"]
                self._project(pod, volume["configMap"]["name"], path)
            else:
                claim = volume["persistentVolumeClaim"]["claimName"]
                path = self.folder / "claims" / claim
                if not path.is_dir():
                    raise LookupError(f'persistentvolumeclaim "{claim}" not found')
            sources[volume["name"]] = path
        mounts = [
            sandbox.Mount(
                sources[one["name"]],
                one["mountPath"],
                bool(one.get("readOnly")) or not (sources[one["name"]].stat().st_mode & 0o022),
            )
            for one in container.get("volumeMounts", [])
        ]
        return mounts, scratch

    def _project(self, pod: JsonObject, name: str, path: Path) -> None:
        """Lay a ConfigMap out as the kubelet does: a dated folder, ``..data`` pointing to it, a link for each key."""
        found = self.objects.get("configmaps", pod["metadata"]["namespace"], name)
        if found is None:
            raise LookupError(f'MountVolume.SetUp failed for volume "config": configmap "{name}" not found')
        dated = path / "..2026_11_26_00_00_00.000000001"
        if dated.exists():
            return
        dated.mkdir(parents=True)
        (path / "..data").symlink_to(dated.name)
        values = {key: text.encode() for key, text in found.get("data", {}).items()}
        values |= {key: base64.b64decode(text) for key, text in found.get("binaryData", {}).items()}
        for key, data in values.items():
            (dated / key).write_bytes(data)
            (dated / key).chmod(0o644)
            (path / key).symlink_to(f"..data/{key}")
        path.chmod(0o755)


def _pump(stream: Any, log: Log) -> None:
    for line in stream:
        log.write(line if line.endswith(b"\n") else line + b"\n")
    stream.close()
    log.close()


def _status(container: JsonObject, state: JsonObject, *, is_ready: bool) -> JsonObject:
    return {
        "name": container["name"],
        "image": container["image"],
        "imageID": "",
        "ready": is_ready,
        "restartCount": 0,
        "started": "running" in state,
        "state": state,
        "lastState": {},
    }


def _size(folder: Path) -> int:
    found = 0
    for path in folder.rglob("*"):
        try:
            found += path.lstat().st_size
        except OSError:
            continue
    return found
