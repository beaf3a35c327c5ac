"""Lineage: what a thing was made from, and what was made from it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LineageNode:
    """One thing on the road.

    Attributes:
        id: Unique in the graph: ``run:1f0c…``, ``dataset:data/a.csv@0123…``, ``model:sha256:…``.
        kind: ``file``, ``dataset``, ``notebook``, ``run``, ``model``, ``review``, ``release``, ``window`` or ``alert``.
        name: Its id within its kind, as every other command takes it.
        label: What a person calls it.
        at: UTC time at which it came to be; empty where nobody noted it.
        actor: Who made it; empty where nobody noted it.
    """

    id: str
    kind: str
    name: str
    label: str
    at: str = ""
    actor: str = ""


@dataclass(frozen=True)
class LineageEdge:
    """One step in the direction in which data flows.

    Attributes:
        source: Node that was there before.
        target: Node that came of it.
        kind: ``versioned`` (file → dataset), ``read`` (dataset or file → run), ``ran`` (notebook → run), ``replayed``
            and ``resumed`` (run → run), ``made`` (run → model), ``reviewed`` (model → review), ``allowed`` (review →
            release), ``answered`` (release → window), ``raised`` (release → alert), ``reduced`` (file → file),
            ``rewritten`` (dataset → dataset, where a person was erased) or ``declared`` (file → notebook → file, in a
            pipeline).
    """

    source: str
    target: str
    kind: str


@dataclass(frozen=True)
class Lineage:
    """What a thing hangs together with.

    Attributes:
        start: Node that was asked for.
        direction: ``up`` (what it was made from), ``down`` (what was made from it) or ``both``.
        nodes: Every thing found, sources first.
        edges: The steps between them.
        is_complete: False where the graph was cut off at its limit.
    """

    start: str
    direction: str
    nodes: tuple[LineageNode, ...]
    edges: tuple[LineageEdge, ...]
    is_complete: bool = True


@dataclass(frozen=True)
class LineageExport:
    """A lineage that was written down for other tools, or sent to them.

    Attributes:
        format: ``prov`` (W3C PROV-JSON) or ``openlineage`` (one event a line).
        to: File or address it went to.
        entries: Nodes and edges (PROV), or events (OpenLineage).
    """

    format: str
    to: str
    entries: int
