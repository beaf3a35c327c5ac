import type { ILineage } from '../../api/contract';
import { CommandIDs } from '../../model/commands';
import { Resource } from '../../model/resource';
import { render } from '../../testing/render';
import { testRoom } from '../../testing/room';
import { layout } from './layout';
import { LineageView } from './view';

const node = (id: string): ILineage['nodes'][number] => {
  const [kind = '', name = ''] = id.split(':');
  return { id, kind, name, label: name, at: '', actor: '' };
};

const LINEAGE: ILineage = {
  start: 'run:r1',
  direction: 'both',
  nodes: [
    'file:raw.csv',
    'dataset:raw.csv@1',
    'notebook:train.ipynb',
    'run:r1',
    'model:m1',
    'run:r2'
  ].map(node),
  edges: [
    { source: 'file:raw.csv', target: 'dataset:raw.csv@1', kind: 'versioned' },
    { source: 'dataset:raw.csv@1', target: 'run:r1', kind: 'read' },
    { source: 'notebook:train.ipynb', target: 'run:r1', kind: 'ran' },
    { source: 'run:r1', target: 'model:m1', kind: 'made' },
    { source: 'run:r1', target: 'run:r2', kind: 'replayed' }
  ],
  is_complete: true
};

describe('layout', () => {
  it('puts everything to the right of what it was made from, no two in one place', () => {
    const places = layout(LINEAGE);
    const layer = new Map(places.map(place => [place.node.id, place.layer]));
    for (const edge of LINEAGE.edges) {
      expect(layer.get(edge.target)).toBeGreaterThan(layer.get(edge.source)!);
    }
    expect(new Set(places.map(({ x, y }) => `${x} ${y}`)).size).toBe(6);
  });

  it('ends where a lineage comes back to itself', () => {
    const edges = [
      ...LINEAGE.edges,
      { source: 'model:m1', target: 'file:raw.csv', kind: 'declared' }
    ];
    expect(layout({ ...LINEAGE, edges })).toHaveLength(6);
  });
});

it('LineageView is walked with arrows, opened with a click, read as a list', async () => {
  const room = await testRoom();
  const lineage = new Resource(() => Promise.resolve(LINEAGE));
  await lineage.refresh();
  const view = await render(<LineageView room={room} lineage={lineage} />);
  const at = (id: string): HTMLElement =>
    view.node.querySelector(`[data-node="${id}"]`)!;
  expect(at('run:r1').tabIndex).toBe(0);
  await view.press(at('run:r1'), 'ArrowRight');
  expect(document.activeElement).not.toBe(at('run:r1'));
  expect(at('run:r1').tabIndex).toBe(-1);
  await view.act(() => at('dataset:raw.csv@1').click());
  expect(room.executed).toEqual([[CommandIDs.openData, { path: 'raw.csv' }]]);
  await view.click('wb-lineage-list-toggle');
  expect(view.get('wb-lineage-list').textContent).toContain('raw.csv@1');
});
