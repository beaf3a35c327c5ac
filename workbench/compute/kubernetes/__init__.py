"""The Kubernetes target: an execution is a Job of one pod, what it needs a ConfigMap, what it says the pod's log.

In: a job directory. Out: what a cluster says of it. ``manifest`` turns spec and options into objects, ``sight`` turns
objects into a state and a reason (both pure), ``cluster`` is the one file that imports the official client, ``logs``
follows what pods say. Nothing connects into a pod and a pod needs no way out: a ConfigMap goes in, a log comes out, and
where the target names an object store, presigned addresses carry what is larger.
"""

from workbench.compute.kubernetes.target import KubernetesTarget

__all__ = ["KubernetesTarget"]
