"""The Kubernetes adapter against a fake cluster that runs containers for real: each story a cluster can tell."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.targets.fake_cluster import FakeCluster, sandbox
from tests.targets.fake_cluster.admission import Refused
from tests.targets.scripted import write_job
from workbench.compute.kubernetes import KubernetesTarget, workloads
from workbench.compute.kubernetes import target as kubernetes_target
from workbench.compute.kubernetes.names import object_name
from workbench.compute.targets import TargetStatus
from workbench.contract.job import JobEvent
from workbench.contract.status import JobState
from workbench.foundation.errors import ConflictError, DeniedError, UnavailableError, UsageError, WorkbenchError
from workbench.foundation.project import Project

pytestmark = [
    pytest.mark.skipif(bool(sandbox.why_not()), reason=sandbox.why_not() or "containers can be made"),
    pytest.mark.xdist_group("kubernetes"),
]


@pytest.fixture
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeCluster]:
    made = FakeCluster(tmp_path_factory.mktemp("cluster") / "c")
    yield made
    made.close()


@pytest.fixture
def make(cluster: FakeCluster, tmp_path: Path) -> Callable[..., KubernetesTarget]:
    root = tmp_path / "p"
    root.mkdir()
    (root / "workbench.toml").write_text('[project]\nname = "Trial für Zwei"\n')
    project = Project.open(root, actor="ada@example.org")

    def target(**options: object) -> KubernetesTarget:
        known = {"image": "papermill:test", "kubeconfig": str(cluster.kubeconfig), "grace_s": 1.0, "image_grace_s": 2.0}
        return KubernetesTarget(project, "kube", {**known, **options})

    target.project = project  # type: ignore[attr-defined]
    return target


@pytest.fixture
def kube(make: Callable[..., KubernetesTarget]) -> KubernetesTarget:
    return make()


@pytest.fixture
def project(make: Callable[..., KubernetesTarget]) -> Project:
    return make.project  # type: ignore[attr-defined]


class Follower:
    """What the follower does, for one execution."""

    def __init__(self, target: KubernetesTarget, execution: str) -> None:
        self.target, self.execution = target, execution
        self.events: list[JobEvent] = []
        self.statuses: list[TargetStatus] = []

    def look(self) -> TargetStatus:
        sighting = self.target.poll({self.execution: len(self.events)})[self.execution]
        for event in sighting.events:
            assert event.seq == len(self.events) + 1, "none is missing, none comes twice"
            self.events.append(event)
        if not self.statuses or self.statuses[-1] != sighting.status:
            self.statuses.append(sighting.status)
        return sighting.status

    def until(self, is_so: Callable[[TargetStatus], bool], timeout_s: float = 30) -> TargetStatus:
        deadline = time.monotonic() + timeout_s
        while not is_so(status := self.look()):
            assert time.monotonic() < deadline, (self.statuses, self.events[-3:])
            time.sleep(0.05)
        return status

    def end(self, timeout_s: float = 30) -> TargetStatus:
        return self.until(lambda status: status.state.is_terminal, timeout_s)

    def said(self, text: str) -> None:
        self.until(lambda _: any(event.data.get("text") == text for event in self.events))

    @property
    def states(self) -> list[JobState]:
        return [status.state for status in self.statuses]


@pytest.fixture
def run(kube: KubernetesTarget, project: Project) -> Callable[..., Follower]:
    def start(script: str = "end(0)", *, target: KubernetesTarget | None = None, **spec: object) -> Follower:
        execution = f"jb-{secrets.token_hex(4)}"
        write_job(project, execution, script, **spec)
        (target or kube).submit(execution)
        return Follower(target or kube, execution)

    return start


def test_a_job_runs_in_a_restricted_pod(run, cluster) -> None:
    script = """
import tempfile, getpass
can_write = os.access(os.environ["HOME"], os.W_OK)
say("out", text=json.dumps({"uid": os.getuid(), "user": getpass.getuser(), "home": can_write}))
open(tempfile.mkdtemp() + "/x", "w").write("x")
open(os.path.join(job, "y"), "w").write("y")
try:
    open("/etc/x", "w")
except OSError as error:
    say("out", text=type(error).__name__)
end(0)
"""
    job = run(script)
    assert job.end() == TargetStatus(JobState.SUCCEEDED)
    assert [event.kind for event in job.events] == ["start", "out", "out", "exit"]
    assert job.events[1].data["text"] == '{"uid": 1000, "user": "job", "home": true}'
    assert job.events[2].data["text"] in ("OSError", "PermissionError")
    assert job.states[0] in (JobState.STARTING, JobState.QUEUED)


def test_events_come_while_it_runs_and_once(run, cluster) -> None:
    job = run('for n in range(20):\n    say("out", text=str(n))\n    time.sleep(0.1)\nend(0)')
    job.said("3")
    assert job.statuses[-1].state is JobState.RUNNING
    cluster.drop()  # a stream that breaks is opened again
    job.end()
    assert [event.data["text"] for event in job.events if event.kind == "out"] == [str(n) for n in range(20)]


def test_submitting_twice_changes_nothing(run, kube, cluster) -> None:
    job = run("time.sleep(1)\nend(0)")
    kube.submit(job.execution)
    job.end()
    kube.submit(job.execution)
    name = object_name(job.execution)
    assert cluster.kubelet.starts == {name: 1}
    config = cluster.objects.get("configmaps", cluster.namespace, name)
    assert config["metadata"]["ownerReferences"][0]["kind"] == "Job"
    assert config["immutable"] is True


def test_names_labels_and_security_are_what_an_administrator_expects(run, cluster, kube) -> None:
    job = run("end(0)")
    found = cluster.objects.get("jobs", cluster.namespace, object_name(job.execution))
    labels = found["metadata"]["labels"]
    assert labels["app.kubernetes.io/managed-by"] == "mlops-workbench"
    assert labels["mlops-workbench/actor"] == "ada-example.org"
    assert found["metadata"]["annotations"]["mlops-workbench/actor"] == "ada@example.org"
    assert found["metadata"]["annotations"]["mlops-workbench/project"] == "Trial für Zwei"
    pod = found["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is False
    assert found["spec"]["backoffLimit"] == 0
    job.end()


def test_an_error_ends_it_with_the_runners_own_words(run) -> None:
    job = run('end(1, "cell_error", "ZeroDivisionError: division by zero")')
    assert job.end() == TargetStatus(JobState.FAILED, "cell_error", "ZeroDivisionError: division by zero")


def test_a_failure_that_is_only_announced_is_no_end(run, cluster) -> None:
    job = run('end(1, "cell_error", "x")')
    name = object_name(job.execution)

    def announced(_: TargetStatus) -> bool:
        found = cluster.objects.get("jobs", cluster.namespace, name)
        kinds = {one["type"] for one in found.get("status", {}).get("conditions", [])}
        return "FailureTarget" in kinds and "Failed" not in kinds

    assert not job.until(announced).state.is_terminal
    assert job.end().state is JobState.FAILED


def test_out_of_memory_is_told_from_a_dead_kernel(run) -> None:
    script = 'kept = []\nwhile True:\n    kept.append(bytearray(b"x") * (8 << 20))\n    time.sleep(0.02)\n'
    job = run(script, resources={"memory_bytes": 200 << 20, "cpus": 1})
    assert job.end().reason == "OOMKilled"


def test_a_killed_runner_is_no_riddle(run, cluster) -> None:
    job = run("time.sleep(60)")
    job.until(lambda _: len(job.events) == 1)
    next(iter(cluster.kubelet.running.values())).signal(9)
    status = job.end()
    assert (status.state, status.reason) == (JobState.FAILED, "RunnerDied")


def test_an_image_without_papermill_says_so(run, make) -> None:
    job = run("import papermill", target=make(image="python:3.11-slim"))
    status = job.end()
    assert (status.state, status.reason) == (JobState.FAILED, "RunnerDied")
    assert "No module named 'papermill'" in status.error


def test_an_image_that_does_not_exist_fails_after_a_grace(run, make, cluster) -> None:
    job = run(target=make(image="registry.example/no:such"))
    status = job.end()
    assert status.state is JobState.FAILED
    assert status.reason in ("ErrImagePull", "ImagePullBackOff")
    assert "registry.example/no:such" in status.error
    job.target.cleanup(job.execution)
    deadline = time.monotonic() + 10
    while cluster.objects.list("jobs") or cluster.objects.list("configmaps") or cluster.pods():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_an_interpreter_that_is_not_there(run, make) -> None:
    status = run(target=make(python="python2.2")).end()
    assert (status.state, status.reason) == (JobState.FAILED, "StartError")


def test_a_missing_secret_is_named(run) -> None:
    job = run(env={"PASSWORD": "k8s-secret:db/password"})
    status = job.end()
    assert status.reason == "CreateContainerConfigError"
    assert 'secret "db" not found' in status.error


def test_a_secret_reaches_the_pod_and_no_object(run, cluster) -> None:
    secret = {"metadata": {"name": "db", "namespace": cluster.namespace}, "data": {"password": "aHVudGVyMg=="}}
    cluster.objects.add("secrets", secret)
    script = 'say("out", text=str(os.environ["PASSWORD"] == "hunter" + "2"), env=spec["env"])\nend(0)'
    job = run(script, env={"PASSWORD": "k8s-secret:db/password", "REGION": "env:REGION"})
    job.end()
    assert job.events[1].data == {"text": "True", "env": {"PASSWORD": "env:PASSWORD", "REGION": "env:REGION"}}
    assert "hunter2" not in str([one for kind, one in cluster.objects.all() if kind != "secrets"])


def test_too_long_is_a_timeout_and_its_last_words_come(run, make) -> None:
    job = run("time.sleep(60)", target=make(startup_s=1.0), resources={"time_limit_s": 1})
    status = job.end()
    assert (status.state, status.reason) == (JobState.FAILED, "timeout")
    assert job.events[-1].kind == "exit"


def test_cancel_gives_it_time_to_save_and_leaves_nothing(run, kube, project, cluster) -> None:
    script = """
def stop(*_):
    say("out", text="saved")
    end(143, "cancelled")
signal.signal(signal.SIGTERM, stop)
time.sleep(60)
"""
    job = run(script)
    job.until(lambda _: len(job.events) == 1)
    from workbench.compute.folder import JobFolder

    JobFolder.of(project, job.execution).cancel.write_text("{}")
    kube.cancel(job.execution)
    assert cluster.pods(object_name(job.execution)) == []
    assert job.end() == TargetStatus(JobState.CANCELLED, "cancelled")
    assert [event.kind for event in job.events] == ["start", "out", "exit"]


def test_unschedulable_says_why(run, make) -> None:
    job = run(target=make(node_selector={"disk": "gold"}))
    status = job.until(lambda status: status.state is JobState.QUEUED)
    assert status.reason.startswith("Unschedulable: 0/1 nodes are available")
    assert run("end(0)", target=make(node_selector={"disk": "ssd"})).end().state is JobState.SUCCEEDED


def test_tolerations_are_read_as_kubectl_writes_taints(run, make, cluster) -> None:
    with cluster.objects.change("nodes", "", "node-1") as node:
        node["spec"]["taints"] = [{"key": "gpu", "value": "a100", "effect": "NoSchedule"}]
    job = run()
    assert "untolerated taint" in job.until(lambda status: status.state is JobState.QUEUED).reason
    for text in ("gpu=a100:NoSchedule", "gpu", "gpu:NoSchedule"):
        assert run(target=make(tolerations=(text,) and [text])).end().state is JobState.SUCCEEDED


def test_preemption_is_no_failure_and_its_replacement_no_second_story(run, cluster) -> None:
    job = run('say("out", text="on")\ntime.sleep(60)')
    job.said("on")
    cluster.disrupt(cluster.pods()[0], "PreemptionByScheduler")
    status = job.end()
    assert status.state is JobState.PREEMPTED
    assert "PreemptionByScheduler" in status.reason or "replaced" in status.reason
    assert [event.seq for event in job.events] == list(range(1, len(job.events) + 1))


def test_a_pod_taken_away_before_it_spoke_is_simply_replaced(run, make, cluster) -> None:
    job = run("end(0)", target=make(node_selector={"disk": "gold"}))
    job.until(lambda status: status.state is JobState.QUEUED)
    cluster.disrupt(cluster.pods()[0], "EvictionByEvictionAPI")
    with cluster.objects.change("nodes", "", "node-1") as node:
        node["metadata"]["labels"]["disk"] = "gold"
    assert job.end().state is JobState.SUCCEEDED


def test_eviction_by_the_node_is_told_as_such(run, cluster) -> None:
    job = run('say("out", text="on")\ntime.sleep(60)')
    job.said("on")
    cluster.disrupt(cluster.pods()[0], "TerminationByKubelet", "The node was low on resource: memory.")
    status = job.end()
    assert status.state is JobState.PREEMPTED


def test_a_full_scratch_is_its_own_fault(run, make) -> None:
    script = 'open(os.path.join(job, "big"), "wb").write(bytes(40 << 20))\ntime.sleep(60)'
    status = run(script, target=make(scratch_gb=0.01)).end()
    assert (status.state, status.reason) == (JobState.FAILED, "Evicted")
    assert "exceeds the limit" in status.error


def test_a_lost_node_is_not_a_failure(run, cluster) -> None:
    job = run('say("out", text="on")\ntime.sleep(60)')
    job.said("on")
    pod = cluster.pods()[0]
    with cluster.objects.change("pods", cluster.namespace, pod["metadata"]["name"]) as kept:
        from tests.targets.fake_cluster.objects import set_condition

        set_condition(kept, "DisruptionTarget", reason="DeletionByTaintManager", message="Taint manager: deleting")
    status = job.end()
    assert status.state is JobState.LOST
    assert status.reason.startswith("NodeLost")


@pytest.mark.checklist("S4-31")
def test_quota_keeps_it_waiting_with_the_reason_and_what_never_fits_is_refused(run, make, cluster) -> None:
    quota = {"metadata": {"name": "q", "namespace": cluster.namespace}, "spec": {"hard": {"requests.cpu": "2"}}}
    cluster.objects.add("resourcequotas", quota)
    first = run("time.sleep(6)\nend(0)", resources={"cpus": 2})
    first.until(lambda status: status.state is JobState.RUNNING)
    second = run("end(0)", resources={"cpus": 1})
    status = second.until(lambda status: status.state is JobState.QUEUED)
    assert status.reason.startswith("quota-exceeded: ")
    assert "exceeded quota: q" in status.reason
    assert first.end().state is JobState.SUCCEEDED
    assert second.end().state is JobState.SUCCEEDED
    with pytest.raises(UsageError) as caught:
        run(resources={"cpus": 3})
    assert caught.value.code == "quota-exceeded"


@pytest.mark.checklist("S4-28")
def test_a_queue_has_places_and_lets_one_in_after_the_other(run, make, cluster) -> None:
    cluster.add_queue("night", cpus=1)
    target = make(queue="night")
    jobs = [run("time.sleep(3)\nend(0)", target=target, resources={"cpus": 1}) for _ in range(3)]
    jobs[0].until(lambda status: status.state is JobState.RUNNING)
    jobs[2].until(lambda status: status.state is JobState.QUEUED and status.queue_position == 2)
    assert jobs[1].look().queue_position == 1
    assert "queue night (whole): cpu 1 of 1" in target.figures().quota
    for job in jobs:
        assert job.end().state is JobState.SUCCEEDED


def test_a_link_that_is_cut_is_silence_and_nothing_is_concluded(run, cluster) -> None:
    job = run('for n in range(30):\n    say("out", text=str(n))\n    time.sleep(0.1)\nend(0)')
    job.said("2")
    cluster.cut()
    with pytest.raises(UnavailableError) as caught:
        job.until(lambda _: False, timeout_s=5)
    assert caught.value.code == "cluster-unreachable"
    assert caught.value.hint.endswith("cluster-info")
    time.sleep(1)
    cluster.mend()
    assert job.end().state is JobState.SUCCEEDED
    assert [event.data["text"] for event in job.events if event.kind == "out"] == [str(n) for n in range(30)]


def test_another_process_takes_over_where_the_first_left(run, make) -> None:
    job = run('for n in range(20):\n    say("out", text=str(n))\n    time.sleep(0.1)\nend(0)')
    job.said("5")
    job.target = make()
    assert job.end().state is JobState.SUCCEEDED
    assert [event.data["text"] for event in job.events if event.kind == "out"] == [str(n) for n in range(20)]


def test_what_a_rotated_log_lost_is_said_and_holds_nothing_up(run, make, cluster) -> None:
    cluster.kubelet.log_limit_bytes = 4000
    job = run('for n in range(200):\n    say("out", text=str(n))\nend(0)')
    name = object_name(job.execution)
    deadline = time.monotonic() + 20
    while not cluster.pods(name) or cluster.pods(name)[0]["status"]["phase"] != "Succeeded":
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert job.end().state is JobState.SUCCEEDED
    kinds = {event.kind for event in job.events}
    assert (len(job.events), "lost" in kinds, job.events[-1].kind) == (202, True, "exit")


def test_a_job_that_somebody_deleted_is_lost_not_failed(run, cluster) -> None:
    job = run('signal.signal(15, lambda *_: os._exit(3))\nsay("out", text="on")\ntime.sleep(60)')
    job.said("on")
    cluster.objects.delete("jobs", cluster.objects.list("jobs")[0], "Foreground")
    assert job.end().state is JobState.LOST


def test_many_jobs_cost_two_questions(run, kube, cluster) -> None:
    jobs = [run("time.sleep(120)\nend(0)") for _ in range(4)]
    for job in jobs:
        job.until(lambda status: status.state is JobState.RUNNING)
    time.sleep(0.6)
    before = len(cluster.requests)
    kube.poll({job.execution: 1 for job in jobs})
    kube.poll({job.execution: 1 for job in jobs})
    assert len(cluster.requests) - before <= 2
    for job in jobs:
        kube.cleanup(job.execution)


def test_check_finds_nothing_wrong(kube) -> None:
    assert [finding for finding in kube.check() if not finding.is_ok] == []
    figures = kube.figures()
    assert (figures.cpus, figures.cpus_free, figures.memory_bytes) == (8, 8, 16 << 30)


@pytest.mark.parametrize(
    ("options", "name", "code", "hint"),
    [
        ({"image": ""}, "image", "image-missing", "set image"),
        ({"namespace": "elsewhere"}, "namespace", "namespace-missing", "kubectl create namespace elsewhere"),
        ({"queue": "night"}, "queue", "workload-unknown", "kubectl api-resources"),
        ({"workload": "rayjob"}, "workload", "workload-unknown", "kubectl api-resources --api-group ray.io"),
        ({"context": "other"}, "cluster", "kubeconfig-unusable", "kubectl"),
        ({"kubeconfig": "/no/such/file"}, "cluster", "kubeconfig-unusable", "kubectl --kubeconfig /no/such/file"),
    ],
)
def test_check_names_what_is_in_the_way(make, options, name, code, hint) -> None:
    wrong = [finding for finding in make(**options).check() if not finding.is_ok]
    assert wrong[0].name == name
    assert f"[{code}]" in wrong[0].message
    assert hint in wrong[0].hint


def test_a_queue_that_is_not_there_is_told_from_a_cluster_without_queues(make, cluster) -> None:
    cluster.add_queue("night", cpus=1)
    (wrong,) = [finding for finding in make(queue="nihgt").check() if not finding.is_ok]
    assert (wrong.name, wrong.message) == ("queue", "Namespace 'team' has no queue 'nihgt' [queue-missing]")
    assert wrong.hint == "kubectl -n team get localqueues"
    assert all(finding.is_ok for finding in make(queue="night").check())


def test_a_pod_that_a_dead_node_keeps_is_named_with_what_takes_it_away(run, kube, cluster, monkeypatch) -> None:
    monkeypatch.setattr(kubernetes_target, "_DELETION_S", 1.0)
    job = run("time.sleep(60)")
    job.until(lambda status: status.state is JobState.RUNNING)
    with monkeypatch.context() as patch:
        patch.setattr(cluster.kubelet, "tick", lambda: None)  # the node says nothing more, and its pods stay
        with pytest.raises(UnavailableError) as caught:
            kube.cancel(job.execution)
        (pod,) = cluster.pods(object_name(job.execution))
    name = pod["metadata"]["name"]
    assert (caught.value.code, caught.value.message) == (
        "cancel-pending",
        f"Pod {name} of {job.execution} does not end",
    )
    assert caught.value.hint.endswith(f" -n team delete pod {name} --force")
    kube.cancel(job.execution)  # the node is back
    assert cluster.pods(object_name(job.execution)) == []


def test_what_is_gone_and_what_changed_meanwhile_are_said_with_what_to_do(make, cluster) -> None:
    cluster.add_operators()
    assert make(workload="rayjob").poll({}) == {}
    cluster.custom_groups.clear()  # the operator was taken away
    target = make(workload="rayjob")
    with pytest.raises(UnavailableError) as gone:
        target.poll({"jb-1": 0})
    assert gone.value.code == "cluster-object-missing"
    assert gone.value.hint == "see what is there: kubectl -n team get jobs,configmaps; kubectl api-resources"
    cluster.faults.append(Refused(409, "Conflict", "the object has been modified"))
    with pytest.raises(ConflictError) as conflict:
        target._cluster.delete(target._cluster.path("configmaps", "x"), "Foreground")
    assert (conflict.value.code, conflict.value.message) == ("cluster-conflict", "the object has been modified")
    assert "run the same command again" in conflict.value.hint
    assert not target._cluster.delete(target._cluster.path("configmaps", "x"), "Foreground")


def test_check_tells_reach_authentication_and_permission_apart(make, cluster, tmp_path) -> None:
    cluster.forbidden = {("create", "jobs"), ("get", "pods/log"), ("list", "nodes"), ("get", "namespaces")}
    (wrong,) = [finding for finding in make().check() if not finding.is_ok]
    assert "get pods/log" in wrong.message
    assert "create jobs.batch" in wrong.message
    assert "auth can-i" in wrong.hint
    assert make().figures().cpus_free == -1
    stale = tmp_path / "stale"
    stale.write_text(cluster.kubeconfig.read_text().replace(cluster.token, "expired"))
    (wrong,) = [finding for finding in make(kubeconfig=str(stale)).check() if not finding.is_ok]
    assert "[cluster-unauthenticated]" in wrong.message
    cluster.cut()
    (wrong,) = [finding for finding in make().check() if not finding.is_ok]
    assert "[cluster-unreachable]" in wrong.message


def test_what_is_refused_leaves_nothing_behind(run, make, cluster) -> None:
    cluster.forbidden = {("create", "jobs")}
    with pytest.raises(DeniedError) as caught:
        run()
    assert caught.value.code == "cluster-forbidden"
    cluster.forbidden = set()
    for options, code in (({"image": ""}, "image-missing"), ({"namespace": "no"}, "namespace-missing")):
        with pytest.raises(WorkbenchError) as refused:
            run(target=make(**options))
        assert refused.value.code == code
    with pytest.raises(UsageError) as large:
        run("# " + "x" * (1 << 20))
    assert large.value.code == "bundle-too-large"
    assert "store" in large.value.hint
    with pytest.raises(UsageError) as refused_by_server:
        run(target=make(queue="-no label value-"))
    assert refused_by_server.value.code == "manifest-refused"
    assert cluster.objects.list("jobs") == []
    assert cluster.objects.list("configmaps") == []


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"uid": 0}, "target-uid-root"),
        ({"workload": "rayjobs"}, "workload-unknown"),
        ({"image": 3}, "target-option-wrong-type"),
    ],
)
def test_wrong_options_are_refused(make, options, code) -> None:
    with pytest.raises(UsageError) as caught:
        make(**options)
    assert caught.value.code == code


@pytest.mark.checklist("S4-28")
@pytest.mark.parametrize("workload", ["rayjob", "trainjob"])
def test_other_workloads_go_through_the_same_adapter(run, make, cluster, workload) -> None:
    cluster.add_operators()
    target = make(workload=workload)
    assert [finding for finding in target.check() if not finding.is_ok] == []
    job = run('say("out", text=os.getcwd())\nend(0)', target=target)
    assert job.end().state is JobState.SUCCEEDED
    assert [event.kind for event in job.events] == ["start", "out", "exit"]
    failed = run('end(1, "cell_error", "ValueError: no")', target=target)
    assert failed.end() == TargetStatus(JobState.FAILED, "cell_error", "ValueError: no")
    target.cleanup(job.execution)
    plural = f"{workload}s"
    deadline = time.monotonic() + 10
    while cluster.objects.get(plural, cluster.namespace, object_name(job.execution)):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_rayjob_that_its_operator_refuses_fails_with_the_operators_words(run, make, cluster, monkeypatch) -> None:
    """A planted fault that no schema sees: ours obey the operator's rules."""
    cluster.add_operators()
    plain = workloads.WORKLOADS["rayjob"]

    def build(*arguments: Any) -> dict[str, Any]:
        found = plain.build(*arguments)
        found["spec"]["shutdownAfterJobFinishes"] = False
        return found

    monkeypatch.setitem(workloads.WORKLOADS, "rayjob", replace(plain, build=build))
    status = run("end(0)", target=make(workload="rayjob")).end()
    assert (status.state, status.reason) == (JobState.FAILED, "ValidationFailed")
    assert "shutdownAfterJobFinishes" in status.error


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of an S3 stand-in with a bucket."""
    import boto3
    from moto.server import ThreadedMotoServer

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2hunter2")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    address = f"http://{host}:{port}"
    boto3.client("s3", endpoint_url=address).create_bucket(Bucket="lab")
    yield address
    server.stop()


def test_what_is_too_large_goes_through_the_store_and_no_key_does(run, make, cluster, project, bucket) -> None:
    execution = "jb-57043"
    script = """
import hashlib, tarfile, urllib.request
big = urllib.request.urlopen(spec["bundle"]["source"]).read()
say("out", text=hashlib.sha256(big).hexdigest())
say("out", text=hashlib.sha256(open(os.path.join(job, "in", "df.bin"), "rb").read()).hexdigest())
open(os.path.join(job, "made.txt"), "w").write("made there")
archive = io.BytesIO()
with tarfile.open(fileobj=archive, mode="w:gz") as tar:
    tar.add(os.path.join(job, "made.txt"), arcname="artifacts/made.txt")
    tar.add(os.path.join(job, "made.txt"), arcname="../../evil.txt")
request = urllib.request.Request(spec["results"]["put"]["results.tar.gz"], data=archive.getvalue(), method="PUT")
request.add_header("Content-Type", "")
urllib.request.urlopen(request)
end(0)
"""
    bundle, frame = secrets.token_bytes(1_500_000), secrets.token_bytes(1_200_000)
    spec = {"bundle": {"source": "bundle.tar.gz", "digest": "sha256:…"}}
    folder = write_job(project, execution, "import io\n" + script, **spec)
    (folder.path / "bundle.tar.gz").write_bytes(bundle)
    (folder.path / "in").mkdir()
    (folder.path / "in" / "df.bin").write_bytes(frame)
    target = make(store="s3://lab/jobs", store_endpoint=bucket)
    target.submit(execution)
    job = Follower(target, execution)
    assert job.end().state is JobState.SUCCEEDED
    digests = [event.data["text"] for event in job.events if event.kind == "out"]
    assert digests == [hashlib.sha256(one).hexdigest() for one in (bundle, frame)]
    (path,) = target.fetch(execution, ("artifacts/*",))
    assert path.read_text() == "made there"
    assert not list(project.root.rglob("evil.txt"))
    assert "hunter2" not in str(cluster.objects.all())
    target.cleanup(execution)


def test_a_store_that_cannot_be_used_says_so(run, make, bucket) -> None:
    with pytest.raises(WorkbenchError) as caught:
        run(target=make(store="s3://no-such-bucket/x", store_endpoint=bucket), bundle={"source": "bundle.tar.gz"})
        run("# " + "x" * (1 << 20), target=make(store="s3://no-such-bucket/x", store_endpoint=bucket))
    assert caught.value.code in ("store-unreachable", "bundle-too-large")
    with pytest.raises(UsageError) as refused:
        run(target=make(store="memory://x"))
    assert refused.value.code == "store-unusable"
