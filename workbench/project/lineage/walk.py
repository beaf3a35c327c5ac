"""The verbs of lineage: walk the road from one thing, up, down or both ways, and write it down for other tools."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from workbench.contract.lineage import Lineage, LineageEdge, LineageNode
from workbench.foundation.errors import UsageError, check_limit, did_you_mean
from workbench.foundation.project import Project
from workbench.project.lineage.road import Road, Steps
from workbench.project.lineage.starting import find_start

MAX_LIMIT = 100_000
_DIRECTIONS = ("up", "down", "both")
_ORDER = ("file", "dataset", "notebook", "run", "model", "review", "release", "window", "alert")


def show_lineage(project: Project, id: str, direction: str = "both", limit: int = 1000) -> Lineage:
    """Show what something was made from and what was made from it.

    Args:
        project: The project.
        id: A run, job, file, notebook, dataset version, model digest, review, release, channel, window or alert; the
            beginning of an id is enough.
        direction: ``up``: what it was made from; ``down``: what was made from it; ``both``.
        limit: At most so many nodes; the newest are kept.

    Raises:
        NotFoundError: ``lineage-unknown``.
        UsageError: ``lineage-ambiguous``, ``direction-unknown`` or ``limit-out-of-range``.
    """
    if direction not in _DIRECTIONS:
        raise UsageError(
            "direction-unknown", f"There is no direction '{direction}'", did_you_mean(direction, _DIRECTIONS)
        )
    check_limit(limit, "mlops lineage <id> --limit 1000", MAX_LIMIT)
    road = Road(project, limit)
    start = find_start(project, road, id)
    nodes = {start.id: start}
    edges: dict[LineageEdge, None] = {}
    for is_up in (True, False):
        if direction in ("both", "up" if is_up else "down"):
            found = _walk(road, start, limit, is_up=is_up)
            nodes.update(found.nodes)
            edges.update(found.edges)
    kept = _kept(nodes.values(), start, limit)
    is_complete = not road.is_cut and len(kept) == len(nodes)
    whole = tuple(edge for edge in edges if edge.source in kept and edge.target in kept)
    return Lineage(start.id, direction, tuple(kept.values()), whole, is_complete)


def _walk(road: Road, start: LineageNode, limit: int, *, is_up: bool) -> Steps:
    """Go step by step, all nodes of one kind at once; a node is met once, so a circle ends.

    It never turns round: what else a run has read is no part of what was made from the one file that was asked for.
    """
    found = Steps({start.id: start})
    frontier = [start]
    while frontier and len(found.nodes) <= limit:
        by_kind: dict[str, list[str]] = defaultdict(list)
        for node in frontier:
            by_kind[node.kind].append(node.name)
        frontier = []
        for kind, names in by_kind.items():
            steps = road.up(kind, names) if is_up else road.down(kind, names)
            frontier += [node for key, node in steps.nodes.items() if key not in found.nodes]
            found.nodes.update((key, node) for key, node in steps.nodes.items() if key not in found.nodes)
            found.edges.update((edge, None) for edge in steps.edges)
    return found


def _kept(nodes: Iterable[LineageNode], start: LineageNode, limit: int) -> dict[str, LineageNode]:
    """Return at most ``limit`` nodes in the order of the road, the newest of each kind; the start is always there."""
    newest = sorted(nodes, key=lambda node: (node.id == start.id, node.at), reverse=True)[:limit]
    return {node.id: node for node in sorted(newest, key=lambda node: _ORDER.index(node.kind))}
