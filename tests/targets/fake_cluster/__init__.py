"""A cluster of one node for tests: a real HTTP API on loopback, real schemas, real processes in real mount namespaces.

``server`` speaks the API, ``admission`` refuses what the real one would, ``controller`` is the Job controller (with
Kueue's part, garbage collection and TTL), ``kubelet`` runs containers as processes in a ``sandbox``. Nothing here knows
the adapter; ``test_fake_cluster.py`` holds it to what the real components do.
"""

from tests.targets.fake_cluster.cluster import FakeCluster, Image

__all__ = ["FakeCluster", "Image"]
