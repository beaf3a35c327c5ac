"""The target of kind ``kubernetes``."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from workbench.compute.folder import JobFolder
from workbench.compute.hosts.archive import matching_files
from workbench.compute.kubernetes.capacity import exceeded, find_room, queue_text, quota_text, quotas
from workbench.compute.kubernetes.checks import check_cluster
from workbench.compute.kubernetes.cluster import Cluster, JsonObject, flags
from workbench.compute.kubernetes.manifest import CONFIG_MAP_LIMIT, Owner, config_map, pod_template, resolved_env
from workbench.compute.kubernetes.names import object_name, owner_annotations, owner_labels
from workbench.compute.kubernetes.options import KubernetesOptions
from workbench.compute.kubernetes.sight import ended, is_over
from workbench.compute.kubernetes.store import RESULTS, Store, packed, unpack_results
from workbench.compute.kubernetes.watching import Watching
from workbench.compute.kubernetes.workloads import find_workload
from workbench.compute.targets import Capability, Sighting, TargetFigures, TargetStatus, Travel, read_options
from workbench.contract.job import JobEvent
from workbench.contract.project import Finding
from workbench.foundation.canonical import digest_bytes
from workbench.foundation.errors import DeniedError, NotFoundError, UnavailableError, UsageError, read_errors
from workbench.foundation.project import Project

_OURS = frozenset({
    "events.jsonl", "output.ipynb", "exit.json", "log.txt", "run.json", "inputs.json", "process.json", "cancel.json",
    "pod.json", "view.json", "sending.json", "sent.json", "far.db",
})  # fmt: skip
"""Files of a job directory that come back, or that are notes of this side."""
_PLAIN = (".json", ".ipynb", ".py", ".sql")
"""What a ConfigMap carries as text, for whoever looks at it with kubectl."""
_BUNDLE, _LUGGAGE = "bundle.tar.gz", "luggage.tar.gz"
_BUNDLE_ROOM = CONFIG_MAP_LIMIT - (192 << 10)
"""Without a store: a larger bundle is refused before anything is written."""
_ROOM = CONFIG_MAP_LIMIT - (64 << 10)
"""The spec, with its signed addresses, needs the rest."""
_TICK_S = 0.2
_DELETION_S = 30.0
"""What a cluster may take, beyond a job's own grace, to take a pod away."""


class KubernetesTarget:
    """Run each execution as a Job of one pod."""

    refusals: Mapping[Capability, str] = {
        Capability.ARRAY: "every job is a Job object of its own, which costs the cluster nothing more",
    }
    capabilities = frozenset(Capability) - refusals.keys()

    def __init__(self, project: Project, name: str, options: Mapping[str, Any]) -> None:
        self.name = name
        self._project = project
        self._options: KubernetesOptions = read_options(KubernetesOptions, name, options)
        if self._options.uid < 1:
            hint = f"set uid = 1000 in [targets.{name}] of workbench.toml"
            raise UsageError("target-uid-root", f"Target '{name}' would run pods as root", hint)
        self._workload = find_workload(self._options, name)
        self.travel = Travel(
            channel="stdout",
            bundle_limit_bytes=int(self._options.bundle_limit_mb * 1_000_000) if self._options.store else _BUNDLE_ROOM,
            env=self._options.env,
            data_sources=self._options.data_sources,
            lost_after_s=self._options.lost_after_s,
        )
        self._cluster = Cluster(self._options)
        self._store = Store(self._options, name) if self._options.store else None
        self._watching = Watching(self._cluster, self._workload, self._options, project.config.project.name)

    def check(self) -> tuple[Finding, ...]:
        """Look at access, namespace, permissions, quota and queue; what is in the way names its ``kubectl`` command."""
        return check_cluster(self._cluster, self._workload, self._options)

    def figures(self) -> TargetFigures:
        """Return what the cluster's nodes offer and have free; quota and queue in their own words."""
        room = find_room(self._cluster, self._options)
        texts = [quota_text(self._cluster)]
        if self._options.queue:
            texts.append(queue_text(self._cluster, self._options.queue))
        return TargetFigures(
            cpus=int(room.cpus),
            memory_bytes=int(room.memory_bytes),
            free_disk_bytes=int(room.disk_bytes),
            price_per_hour=self._options.price_per_hour,
            cpus_free=int(room.cpus_free),
            gpus=int(room.gpus),
            gpus_free=int(room.gpus_free),
            queued_jobs=room.pending,
            quota="; ".join(filter(None, texts)),
        )

    def submit(self, job: str) -> None:
        """Create the ConfigMap and the Job; what is there already is left as it is.

        Raises:
            UnavailableError: The cluster does not answer.
            UsageError: ``image-missing``, ``bundle-too-large``, ``quota-exceeded`` or ``manifest-refused``.
            DeniedError: ``cluster-forbidden``.
        """
        folder = self._folder(job)
        with read_errors(folder.spec):
            spec: dict[str, Any] = json.loads(folder.spec.read_bytes())
        name = object_name(job)
        path = self._cluster.path(self._workload.plural, group=self._workload.api)
        made = self._cluster.find(f"{path}/{name}")
        if made is None:
            owner = self._owner(job, spec)
            self._refuse_impossible(spec, owner, job)
            manifest = self._workload.build(job, owner, spec, self._options)
            self._cluster.create(self._cluster.path("configmaps"), self._config_map(job, owner, spec, folder))
            try:
                made = self._cluster.create(path, manifest) or self._cluster.get(f"{path}/{name}")
            except (DeniedError, UsageError):
                self._cluster.delete(self._cluster.path("configmaps", name), "Background")
                raise
        self._hand_over(name, made)

    def poll(self, jobs: Mapping[str, int]) -> Mapping[str, Sighting]:
        """Look at jobs: two lists, however many there are, and what their pods have said since.

        Raises:
            UnavailableError: The cluster does not answer, or not any more (a token that has expired, a Role that was
                taken away): whatever it is, nothing is known of the jobs.
        """
        try:
            self._watching.refresh()
            return {job: self._watching.look(self._folder(job), job, after) for job, after in jobs.items()}
        except (DeniedError, NotFoundError, UsageError) as error:
            raise UnavailableError(error.code, error.message, error.hint) from error

    def status(self, job: str) -> TargetStatus:
        """Return how a job stands."""
        return self.poll({job: 0})[job].status

    def events(self, job: str, after: int = 0) -> tuple[JobEvent, ...]:
        """Return a job's events."""
        return self.poll({job: after})[job].events

    def cancel(self, job: str, grace_s: float | None = None) -> None:
        """Delete the Job, and return when its pod is gone; what it says until then is listened to.

        Raises:
            UnavailableError: ``cluster-unreachable``, or ``cancel-pending`` where a node does not give its pod back.
        """
        name, wait_s = object_name(job), self._options.grace_s if grace_s is None else grace_s
        self._watching.refresh(now=True)
        self._watching.look(self._folder(job), job, 0)
        self._cluster.delete(self._cluster.path(self._workload.plural, name, self._workload.api), "Foreground")
        deadline = time.monotonic() + wait_s + _DELETION_S
        while pods := [pod for pod in self._watching.pods_of(job) if not is_over(pod)]:
            if time.monotonic() > deadline:
                pod = pods[0]["metadata"]["name"]
                hint = f"kubectl{flags(self._options)} -n {self._cluster.namespace} delete pod {pod} --force"
                raise UnavailableError("cancel-pending", f"Pod {pod} of {job} does not end", hint)
            time.sleep(_TICK_S)

    def fetch(self, job: str, patterns: tuple[str, ...]) -> tuple[Path, ...]:
        """Return the files that match, of those that the pod sent."""
        folder = self._folder(job)
        self._watching.refresh()
        self._watching.look(folder, job, 0)
        if (transcript := self._watching.heard(job)) is not None:
            transcript.write(folder.path, folder.log)
        if self._store and (data := self._store.read(f"jobs/{job}/{RESULTS}")):
            unpack_results(data, folder.path)
        return matching_files(folder.path, patterns)

    def cleanup(self, job: str) -> None:
        """Take everything away, for what counts is here; what nobody comes back for, the cluster removes itself."""
        self._watching.forget(job)
        name = object_name(job)
        path = self._cluster.path(self._workload.plural, name, self._workload.api)
        if not self._cluster.delete(path, "Background"):
            self._cluster.delete(self._cluster.path("configmaps", name), "Background")  # which no Job ever owned
        if self._store:
            self._store.remove(f"jobs/{job}/{RESULTS}")

    def _folder(self, job: str) -> JobFolder:
        return JobFolder.of(self._project, job)

    def _owner(self, job: str, spec: Mapping[str, Any]) -> Owner:
        project, actor = self._project.config.project.name, self._project.actor
        return Owner(owner_labels(job, spec, project, actor), owner_annotations(spec, project, actor))

    def _refuse_impossible(self, spec: Mapping[str, Any], owner: Owner, job: str) -> None:
        """Refuse what could wait for ever."""
        if not self._options.image:
            hint = f'set image = "registry/name:tag" in [targets.{self.name}] of workbench.toml'
            raise UsageError("image-missing", f"Target '{self.name}' names no image", hint)
        pod = pod_template(job, owner, spec, self._options)
        if text := exceeded(quotas(self._cluster), pod, whole=True):
            hint = f"kubectl -n {self._cluster.namespace} describe resourcequota"
            raise UsageError("quota-exceeded", f"The job can never start: {text}", hint)

    def _config_map(self, job: str, owner: Owner, spec: dict[str, Any], folder: JobFolder) -> JsonObject:
        """Return the ConfigMap; what does not fit into it goes to the store, where the target names one.

        Raises:
            UsageError: ``bundle-too-large``.
        """
        spec = {**spec, "channel": "stdout", "env": resolved_env(spec)}
        files = _luggage(folder)
        texts = {name: files.pop(name).read_text("utf-8") for name in list(files) if _is_plain(name)}
        blobs = {_BUNDLE: files.pop(_BUNDLE).read_bytes()} if _BUNDLE in files else {}
        if files:
            blobs[_LUGGAGE], spec["luggage"] = packed(files), _LUGGAGE
        if self._store:
            spec["results"] = {"put": {RESULTS: self._store.address_to_write(f"jobs/{job}/{RESULTS}")}}
        for name in sorted(blobs, key=lambda name: -len(blobs[name])):
            if self._store and sum(map(len, [*blobs.values(), *map(str.encode, texts.values())])) > _ROOM:
                data = blobs.pop(name)
                address = self._store.send(f"bundles/{digest_bytes(data).partition(':')[2]}", data)
                spec |= {"luggage": address} if name == _LUGGAGE else {"bundle": {**spec["bundle"], "source": address}}
        return config_map(job, owner, {**texts, "spec.json": json.dumps(spec, ensure_ascii=False)}, blobs)

    def _hand_over(self, name: str, made: JsonObject) -> None:
        """Make the ConfigMap the Job's own, so that it goes when the Job goes."""
        reference = {
            "apiVersion": self._workload.api,
            "kind": self._workload.kind,
            "name": name,
            "uid": made["metadata"]["uid"],
        }
        body: JsonObject = {"metadata": {"ownerReferences": [reference]}}
        try:
            self._cluster.patch(self._cluster.path("configmaps", name), body)
        except NotFoundError:
            if ended(self._workload.read(made)) is None:
                raise


def _luggage(folder: JobFolder) -> dict[str, Path]:
    """Return the files that the pod gets, by path relative to the job directory."""
    return {
        path.relative_to(folder.path).as_posix(): path
        for path in sorted(folder.path.rglob("*"))
        if path.is_file() and path.name not in _OURS and path.name != "spec.json" and not path.name.startswith(".")
    }


def _is_plain(name: str) -> bool:
    return "/" not in name and name.endswith(_PLAIN) and name.isascii()
