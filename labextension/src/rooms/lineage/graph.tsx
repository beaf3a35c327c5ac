import type { KeyboardEvent } from 'react';
import { useMemo, useRef, useState } from 'react';
import type { ILineage, ILineageNode } from '../../api/contract';
import type { IRoom } from '../../model/tokens';
import type { IPlaced } from './layout';
import { NODE, layout } from './layout';
import { kindWord } from './words';

/** Room around the graph, in pixels. */
const MARGIN = 8;

/**
 * A lineage as columns of nodes with lines between them, left to right as data flows.
 *
 * One stop in the tab order; arrows move to the nearest node in their direction, Enter opens.
 */
export function LineageGraph(props: {
  room: IRoom;
  lineage: ILineage;
  onOpen(node: ILineageNode): void;
}): JSX.Element {
  const { room, lineage } = props;
  const { trans } = room;
  const box = useRef<HTMLDivElement>(null);
  const places = useMemo(() => layout(lineage), [lineage]);
  const byId = new Map(places.map(place => [place.node.id, place]));
  const [currentId, setCurrentId] = useState(lineage.start);
  const current = byId.get(currentId) ?? places[0];

  const onKeyDown = (event: KeyboardEvent<HTMLElement>): void => {
    const next = current && neighbour(places, current, event.key);
    if (next) {
      setCurrentId(next.node.id);
      box.current
        ?.querySelector<HTMLElement>(
          `[data-node="${CSS.escape(next.node.id)}"]`
        )
        ?.focus();
      event.preventDefault();
    }
  };
  const width = Math.max(...places.map(place => place.x + NODE.width), 0);
  const height = Math.max(...places.map(place => place.y + NODE.height), 0);
  return (
    // The nodes take the focus; the group only hears their keys.
    <div
      ref={box}
      className="wb-Graph"
      role="toolbar"
      aria-label={trans.__('Lineage, from left to right')}
      data-testid="wb-lineage-graph"
      onKeyDown={onKeyDown}
    >
      <div
        className="wb-Graph-page"
        style={{ width: width + 2 * MARGIN, height: height + 2 * MARGIN }}
      >
        <svg
          aria-hidden
          width={width + 2 * MARGIN}
          height={height + 2 * MARGIN}
        >
          {lineage.edges.map(edge => {
            const [from, to] = [byId.get(edge.source), byId.get(edge.target)];
            return (
              from &&
              to && (
                <path
                  key={`${edge.source} ${edge.target} ${edge.kind}`}
                  d={linePath(from, to)}
                  data-near={
                    edge.source === current?.node.id ||
                    edge.target === current?.node.id
                  }
                />
              )
            );
          })}
        </svg>
        {places.map(place => (
          <button
            key={place.node.id}
            type="button"
            className="wb-Node"
            data-node={place.node.id}
            data-kind={place.node.kind}
            data-start={place.node.id === lineage.start}
            tabIndex={place === current ? 0 : -1}
            title={`${place.node.name}\n${place.node.actor}`}
            style={{
              insetInlineStart: place.x + MARGIN,
              top: place.y + MARGIN,
              width: NODE.width,
              height: NODE.height
            }}
            onFocus={() => setCurrentId(place.node.id)}
            onClick={() => props.onOpen(place.node)}
          >
            <span className="wb-Node-kind">
              {kindWord(place.node.kind, trans)}
            </span>
            <span className="wb-Node-label">{place.node.label}</span>
          </button>
        ))}
      </div>
    </div>
  );
}

function linePath(from: IPlaced, to: IPlaced): string {
  const [x1, y1] = [
    from.x + NODE.width + MARGIN,
    from.y + NODE.height / 2 + MARGIN
  ];
  const [x2, y2] = [to.x + MARGIN, to.y + NODE.height / 2 + MARGIN];
  const bend = Math.max((x2 - x1) / 2, NODE.gapX / 2);
  return `M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`;
}

/** Return the node that an arrow leads to: the nearest in the next column, or in the same one. */
export function neighbour(
  places: readonly IPlaced[],
  from: IPlaced,
  key: string
): IPlaced | undefined {
  const steps: Record<string, readonly [layer: number, order: number]> = {
    ArrowLeft: [-1, 0],
    ArrowRight: [1, 0],
    ArrowUp: [0, -1],
    ArrowDown: [0, 1]
  };
  const step = steps[key];
  if (!step) {
    return undefined;
  }
  const [layer, order] = [from.layer + step[0], from.order + step[1]];
  const column = places.filter(place => place.layer === layer);
  return step[0] === 0
    ? column.find(place => place.order === order)
    : column.sort((a, b) => Math.abs(a.y - from.y) - Math.abs(b.y - from.y))[0];
}
