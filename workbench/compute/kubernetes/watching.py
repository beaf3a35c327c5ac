"""What is known of the executions that are looked after: their objects as last listed, and the logs of their pods."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from workbench.compute.folder import Exit, JobFolder, read_json
from workbench.compute.kubernetes.capacity import KUEUE, preferred_version
from workbench.compute.kubernetes.cluster import Cluster, items
from workbench.compute.kubernetes.logs import PodLog
from workbench.compute.kubernetes.names import EXECUTION, PROJECT, SELECTOR, label_value, object_name
from workbench.compute.kubernetes.options import KubernetesOptions
from workbench.compute.kubernetes.sight import (
    Progressing,
    is_over,
    is_suspended,
    judge,
    name_of,
    terminated,
    trouble,
)
from workbench.compute.kubernetes.sight import ended as has_ended
from workbench.compute.kubernetes.transcript import Transcript, end_of
from workbench.compute.kubernetes.workloads import Workload
from workbench.compute.targets import Sighting, TargetStatus
from workbench.contract.status import JobState
from workbench.foundation.canonical import canonical_json
from workbench.foundation.durable import write_atomic
from workbench.foundation.errors import DeniedError, NotFoundError

JsonObject = dict[str, Any]

_LIST_S = 0.5
"""Objects are listed at most this often; what a pod says comes by itself, in between."""
_REREAD_S = 5.0
"""After so long a log that was read again from its beginning has brought what it still had."""
_ASIDE_S = 3.0
"""Questions beside the lists (warnings, places in a queue) are asked at most this often."""


@dataclass
class Listening:
    """A pod's log and what it said."""

    log: PodLog
    transcript: Transcript
    reread: dict[int, float] = field(default_factory=dict)


class Watching:
    """Look after executions; everything here can be found again from the cluster and the job directories."""

    def __init__(self, cluster: Cluster, workload: Workload, options: KubernetesOptions, project: str) -> None:
        self._cluster, self._workload, self._options = cluster, workload, options
        self._selector = f"{SELECTOR},{PROJECT}={label_value(project)}"
        self._lock = threading.RLock()
        self._listed_at = self._positions_at = 0.0
        self._workloads: dict[str, JsonObject] = {}
        self._pods: dict[str, list[JsonObject]] = {}
        self._positions: dict[str, int] = {}
        self._heard: dict[str, Listening] = {}
        self._warnings: dict[str, tuple[float, str]] = {}
        self._stuck: dict[str, tuple[str, float]] = {}

    def refresh(self, *, now: bool = False) -> None:
        """List workloads and pods, unless that was done a moment ago.

        Raises:
            UnavailableError: The cluster does not answer.
        """
        with self._lock:
            if now or time.monotonic() - self._listed_at >= _LIST_S:
                self._list()

    def _list(self) -> None:
        query = {"labelSelector": self._selector}
        found = items(self._cluster.get(self._cluster.path(self._workload.plural, group=self._workload.api), query))
        pods: dict[str, list[JsonObject]] = {}
        for pod in items(self._cluster.get(self._cluster.path("pods"), query)):
            pods.setdefault(pod["metadata"]["labels"].get(EXECUTION, ""), []).append(pod)
        self._workloads = {name_of(one): self._workload.read(one) for one in found}
        self._pods = {
            execution: sorted(some, key=lambda pod: str(pod["metadata"]["creationTimestamp"]))
            for execution, some in pods.items()
        }
        self._listed_at = time.monotonic()

    def look(self, folder: JobFolder, execution: str, after: int) -> Sighting:
        """Look at one execution, in what was last listed."""
        with self._lock:
            return self._look(folder, execution, after)

    def _look(self, folder: JobFolder, execution: str, after: int) -> Sighting:
        workload = self._find(execution)
        begun = str((read_json(folder.pod) or {}).get("pod", ""))
        pods = self._pods.get(execution, [])
        seen = Progressing(workload, pods, begun)
        heard = self._listen(execution, seen)
        events = self._events(heard, after) if heard else ()
        if heard and heard.transcript.has_begun and not begun:
            begun = heard.log.pod
            write_atomic(folder.pod, canonical_json({"pod": begun}))  # this pod's story is the execution's
        seen = Progressing(
            workload,
            pods,
            begun,
            last_word=(heard.transcript.last_word if heard else None) or _known_end(folder),
            is_cancelled=folder.cancel.exists(),
            warning=self._warning(execution, workload) if not pods else "",
            stuck_s=self._stuck_s(execution, seen),
            grace_s=self._options.image_grace_s,
            queue_position=self._position(execution, workload),
        )
        status = judge(seen)
        if status.state.is_terminal and heard and not heard.log.is_whole and status.state is not JobState.LOST:
            heard.log.finish()
            status = TargetStatus(JobState.RUNNING)  # its last words are still on their way
        return Sighting(status, events)

    def heard(self, execution: str) -> Transcript | None:
        """Return what an execution's pod has said to the end, waiting for it where the pod has ended."""
        heard = self._heard.get(execution)
        if heard is None:
            return None
        pod = next((pod for pod in self._pods.get(execution, []) if name_of(pod) == heard.log.pod), None)
        if pod is None or is_over(pod):
            heard.log.finish()
            heard.log.wait(20.0)
        return heard.transcript

    def forget(self, execution: str) -> None:
        """Listen to an execution no more."""
        if heard := self._heard.pop(execution, None):
            heard.log.close()
        for notes in (self._warnings, self._stuck):
            notes.pop(execution, None)

    def pods_of(self, execution: str) -> list[JsonObject]:
        """Return an execution's pods as the cluster knows them now."""
        query = {"labelSelector": f"{self._selector},{EXECUTION}={execution}"}
        return list(items(self._cluster.get(self._cluster.path("pods"), query)))

    def _find(self, execution: str) -> JsonObject | None:
        name = object_name(execution)
        if name in self._workloads:
            return self._workloads[name]
        path = self._cluster.path(self._workload.plural, name, self._workload.api)
        found = self._cluster.find(path)  # a list says what there is, only this what there is not
        return self._workload.read(found) if found else None

    def _listen(self, execution: str, seen: Progressing) -> Listening | None:
        heard, pod = self._heard.get(execution), seen.pod
        if heard and (pod is None or heard.log.pod == name_of(pod) or heard.transcript.has_begun):
            if pod is None or is_over(pod) or (seen.workload and has_ended(seen.workload)):
                heard.log.finish()
            return heard
        if pod is None or not _has_started(pod):
            return None
        if heard:
            heard.log.close()
        transcript = Transcript()
        log = PodLog(self._cluster, name_of(pod), self._workload.container, transcript.take)
        self._heard[execution] = Listening(log, transcript)
        if is_over(pod):
            log.finish()
        return self._heard[execution]

    def _events(self, heard: Listening, after: int) -> tuple[Any, ...]:
        """Return what came; a gap is filled by reading the log once more, else it is told as such."""
        if not heard.transcript.has_gap(after):
            return heard.transcript.events(after)
        if after not in heard.reread:
            heard.reread[after] = time.monotonic()
            heard.log.close()
            heard.log = PodLog(self._cluster, heard.log.pod, self._workload.container, heard.transcript.take)
        is_late = heard.log.is_whole or time.monotonic() - heard.reread[after] > _REREAD_S
        return heard.transcript.bridge(after) if is_late else ()

    def _warning(self, execution: str, workload: JsonObject | None) -> str:
        """Return why the controller makes no pod."""
        if workload is None or is_suspended(workload) or has_ended(workload):
            return ""
        asked_at, text = self._warnings.get(execution, (0.0, ""))
        if time.monotonic() - asked_at < _ASIDE_S:
            return text
        query = {"fieldSelector": f"involvedObject.uid={workload['metadata']['uid']},type=Warning"}
        try:
            found = items(self._cluster.get(self._cluster.path("events"), query))
        except DeniedError:
            found = ()
        newest = max(found, key=lambda event: str(event.get("lastTimestamp") or ""), default={})
        text = str(newest.get("message", ""))
        self._warnings[execution] = (time.monotonic(), text)
        return text

    def _stuck_s(self, execution: str, seen: Progressing) -> float:
        why = "no pod" if seen.pod is None else "trouble" if trouble(seen.pod) else ""
        known, since = self._stuck.get(execution, ("", 0.0))
        if why != known:
            since = time.monotonic()
            self._stuck[execution] = (why, since)
        return time.monotonic() - since if why else 0.0

    def _position(self, execution: str, workload: JsonObject | None) -> int:
        """Return the place in a Kueue queue, from 1; 0 where nobody can tell."""
        if workload is None or not is_suspended(workload) or not self._options.queue:
            return 0
        if time.monotonic() - self._positions_at >= _ASIDE_S:
            self._positions = self._ask_positions()
            self._positions_at = time.monotonic()
        return self._positions.get(object_name(execution), 0)

    def _ask_positions(self) -> dict[str, int]:
        group = f"visibility.{KUEUE}"
        try:
            version = preferred_version(self._cluster, group)
            path = self._cluster.path("localqueues", f"{self._options.queue}/pendingworkloads", f"{group}/{version}")
            found = items(self._cluster.get(path))
        except (NotFoundError, DeniedError):
            return {}
        return {
            str(owner["name"]): int(one.get("positionInLocalQueue", 0)) + 1
            for one in found
            for owner in one["metadata"].get("ownerReferences") or ()
        }


def _has_started(pod: Mapping[str, Any]) -> bool:
    statuses = pod.get("status", {}).get("containerStatuses") or ()
    return any("running" in status.get("state", {}) for status in statuses) or terminated(pod) is not None


def _known_end(folder: JobFolder) -> Exit | None:
    """Return the runner's last word, where it came here before the pod went."""
    last = folder.read_events()[-1:]
    return end_of(last[0]) if last and last[0].kind == "exit" else None
