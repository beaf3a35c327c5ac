"""What ``[targets.<name>]`` may say of a cluster."""

from __future__ import annotations

from dataclasses import dataclass, field

from workbench.compute.far_options import FarOptions


@dataclass(frozen=True)
class KubernetesOptions(FarOptions):
    """Options of a Kubernetes target.

    Attributes:
        image: Container image with Python, papermill and ipykernel; there is no default that could be right.
        context: Context of the kubeconfig; empty takes the current one.
        kubeconfig: Path of the kubeconfig; empty takes ``KUBECONFIG``, ``~/.kube/config`` or the pod's own account.
        namespace: Namespace of the jobs; empty takes the context's.
        python: Interpreter in the image.
        service_account: Account that pods run as; its token is never mounted. Empty takes the namespace's default.
        uid: User and group id of the pod; never 0.
        node_selector: Labels that a node must have.
        tolerations: Taints that are tolerated, as ``kubectl taint`` writes them: ``gpu=a100:NoSchedule``.
        image_pull_secrets: Names of secrets for a private registry.
        queue: Kueue LocalQueue; empty starts jobs at once.
        pvc: Claims that are mounted: ``claim = "/data"``, or ``"/data:ro"``.
        store: Object store for what no ConfigMap can hold: ``s3://bucket/prefix``; empty where there is none.
        store_endpoint: Its address, where it is not the provider's own.
        workload: ``job``, ``rayjob`` or ``trainjob``.
        ray_version: Version of Ray in the image; only for ``rayjob``.
        runtime: Name of a ClusterTrainingRuntime; only for ``trainjob``.
        gpu_resource: Name under which nodes offer GPUs.
        scratch_gb: Limit of the job directory, in GiB; 0 leaves it to the node.
        ttl_s: Seconds that an ended Job waits for somebody to bring its results home; then the cluster removes it.
        pending_s: Seconds that a job with a time limit may wait for its start.
        image_grace_s: Seconds an image that cannot be pulled is given before the job fails.
        expires_s: Seconds for which presigned addresses of the store are good; S3 allows a week, a queue may need it.
        startup_s: Seconds beyond its time limit that a pod may take, to fetch its image and to save; then it is ended.
        folder: Job directory in the pod.
        bundle_limit_mb: Largest bundle that goes through the store, in MB; without a store a ConfigMap is the limit.
    """

    image: str = ""
    context: str = ""
    kubeconfig: str = ""
    namespace: str = ""
    service_account: str = ""
    uid: int = 1000
    node_selector: dict[str, str] = field(default_factory=dict)
    tolerations: tuple[str, ...] = ()
    image_pull_secrets: tuple[str, ...] = ()
    queue: str = ""
    pvc: dict[str, str] = field(default_factory=dict)
    store: str = ""
    store_endpoint: str = ""
    workload: str = "job"
    ray_version: str = "2.49.0"
    runtime: str = "torch-distributed"
    gpu_resource: str = "nvidia.com/gpu"
    scratch_gb: float = 0.0
    ttl_s: int = 604_800
    pending_s: float = 86_400.0
    image_grace_s: float = 20.0
    expires_s: float = 604_800.0
    startup_s: float = 600.0
    folder: str = "/job"
