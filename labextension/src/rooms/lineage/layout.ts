import type { ILineage, ILineageNode } from '../../api/contract';

/** Size of a node and of the room between nodes, in pixels. */
export const NODE = { width: 172, height: 42, gapX: 44, gapY: 12 } as const;

/** A node in its place. */
export interface IPlaced {
  readonly node: ILineageNode;
  /** Column, counted from the sources. */
  readonly layer: number;
  /** Place in its column, from the top. */
  readonly order: number;
  readonly x: number;
  readonly y: number;
}

/** How often the columns are put in order by their neighbours. */
const SWEEPS = 4;

/**
 * Lay a lineage out in columns: everything stands to the right of all it was made from.
 *
 * Columns are ordered by the mean place of their neighbours (Sugiyama's barycentres), which keeps lines from crossing.
 */
export function layout(lineage: ILineage): readonly IPlaced[] {
  const known = new Set(lineage.nodes.map(node => node.id));
  const edges = lineage.edges.filter(
    edge => known.has(edge.source) && known.has(edge.target)
  );
  const layers = layersOf(lineage, edges);
  const columns: ILineageNode[][] = [];
  for (const node of lineage.nodes) {
    (columns[layers.get(node.id) ?? 0] ??= []).push(node);
  }
  const order = new Map<string, number>();
  const count = (): void =>
    columns.forEach(column =>
      column.forEach((node, index) => order.set(node.id, index))
    );
  count();
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    const isForth = sweep % 2 === 0;
    const near = neighbours(edges, isForth);
    for (const column of isForth ? columns : [...columns].reverse()) {
      const weight = new Map(
        column.map(node => [
          node.id,
          mean(near.get(node.id)?.map(id => order.get(id) ?? 0)) ??
            order.get(node.id) ??
            0
        ])
      );
      column.sort((a, b) => (weight.get(a.id) ?? 0) - (weight.get(b.id) ?? 0));
      column.forEach((node, index) => order.set(node.id, index));
    }
  }
  return columns.flatMap((column, layer) =>
    column.map((node, index) => ({
      node,
      layer,
      order: index,
      x: layer * (NODE.width + NODE.gapX),
      y: index * (NODE.height + NODE.gapY)
    }))
  );
}

/** Longest way from a source; a circle, which no true lineage has, ends where it comes back to itself. */
function layersOf(
  lineage: ILineage,
  edges: ILineage['edges']
): ReadonlyMap<string, number> {
  const sources = neighbours(edges, true);
  const layers = new Map<string, number>();
  const visiting = new Set<string>();
  const layerOf = (id: string): number => {
    const known = layers.get(id);
    if (known !== undefined || visiting.has(id)) {
      return known ?? 0;
    }
    visiting.add(id);
    const before = (sources.get(id) ?? []).map(layerOf);
    visiting.delete(id);
    const layer = before.length > 0 ? Math.max(...before) + 1 : 0;
    layers.set(id, layer);
    return layer;
  };
  lineage.nodes.forEach(node => layerOf(node.id));
  return layers;
}

/** Return who is beside whom: what each node was made from, or what was made from it. */
export function neighbours(
  edges: ILineage['edges'],
  isBefore: boolean
): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>();
  for (const edge of edges) {
    const [id, other] = isBefore
      ? [edge.target, edge.source]
      : [edge.source, edge.target];
    found.set(id, [...(found.get(id) ?? []), other]);
  }
  return found;
}

function mean(values: readonly number[] | undefined): number | undefined {
  return values && values.length > 0
    ? values.reduce((sum, value) => sum + value, 0) / values.length
    : undefined;
}
