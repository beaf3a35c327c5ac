import type { IDataDiff, ITableProfile } from '../../api/contract';
import { CommandIDs } from '../../model/commands';
import { Resource } from '../../model/resource';
import { dataset } from '../../testing/cards';
import { render } from '../../testing/render';
import { testRoom } from '../../testing/room';
import { DataDetailView } from './detail';
import { DataDiffView } from './diff';
import { DataView } from './view';

const CARD = {
  path: 'data/train.csv',
  file: 'data/train.csv.card.toml',
  owner: 'quality@example.org',
  purpose: 'Find faults',
  data_class: '',
  retention: '',
  sharing: '',
  contact: '',
  is_complete: false,
  problems: ['no class']
};

const PROFILE: ITableProfile = {
  source: 'data/train.csv',
  rows: 100,
  key: ['id'],
  duplicate_rows: 2,
  columns: [
    {
      name: 'flow',
      type: 'double',
      missing: 5,
      missing_share: 0.05,
      distinct: 90,
      minimum: '0',
      maximum: '9',
      mean: 4,
      std: 1,
      quantiles: { p05: 1, p50: 4, p95: 8 },
      outliers_iqr: 0,
      outliers_mad: 3,
      top: [],
      edges: [0, 3, 6, 9],
      counts: [10, 80, 0]
    }
  ],
  correlations: []
};

const DIFF: IDataDiff = {
  before: 'a@1',
  after: 'a@2',
  kind: 'table',
  is_equal: false,
  key: ['id'],
  rows_before: 10,
  rows_after: 12,
  rows_added: 3,
  rows_removed: 1,
  rows_changed: 2,
  is_reordered: false,
  schema: [
    { kind: 'retyped', column: 'flow', before: 'int64', after: 'double' }
  ],
  examples: [
    { kind: 'changed', key: { id: '7' }, before: { x: '1' }, after: { x: '2' } }
  ],
  shifts: [
    {
      column: 'x',
      cells_changed: 2,
      missing_before: 0,
      missing_after: 0.1,
      mean_before: 1,
      mean_after: 2,
      distance: 0.3,
      psi: 0.2
    }
  ],
  files: []
};

it('shows card and versions, and profile, checks and scan only when asked', async () => {
  const old = dataset({ id: 'data/train.csv@old', is_current: false });
  const room = await testRoom({
    data: [dataset(), old, dataset({ id: 'b@1', path: 'b' })],
    'data card': CARD,
    'data profile': PROFILE,
    'data checks': {
      path: 'data/train.csv',
      checks: 'c',
      is_ok: false,
      rows: 100,
      rules: [
        {
          column: 'flow',
          rule: 'at least 0',
          is_ok: false,
          failing_rows: 4,
          examples: ['-1']
        }
      ]
    },
    'data scan': {
      path: 'data/train.csv',
      rows: 100,
      files: 1,
      unread: [],
      is_clean: true,
      findings: []
    }
  });
  const view = await render(
    <DataDetailView room={room} path="data/train.csv" />
  );
  expect(view.get('wb-data-card').textContent).toContain('quality@example.org');
  expect(view.get('wb-data-card').textContent).toContain('no class');
  expect(view.get('wb-data-log').querySelectorAll('[data-key]')).toHaveLength(
    2
  );
  expect(room.client.count('data profile')).toBe(0);
  await view.click('wb-data-profile-show');
  const profile = view.get('wb-data-profile');
  expect(profile.textContent).toContain('2 duplicate rows');
  expect(
    [...profile.querySelectorAll('rect')].map(bar => bar.getAttribute('height'))
  ).toEqual(['3', '24', '0']);
  await view.click('wb-data-checks-show');
  expect(view.get('wb-data-checks').textContent).toContain('at least 04');
  await view.click('wb-data-scan-show');
  expect(view.get('wb-data-scan').textContent).toContain('Nothing');
  await view.click('wb-data-diff');
  expect(room.executed).toEqual([
    [
      CommandIDs.diffData,
      { before: 'data/train.csv@old', after: 'data/train.csv@0123456789ab' }
    ]
  ]);
});

it('DataDiffView shows columns, rows and distributions', async () => {
  const room = await testRoom();
  const diff = new Resource(() => Promise.resolve(DIFF));
  await diff.refresh();
  const view = await render(<DataDiffView room={room} diff={diff} />);
  expect(view.get('wb-data-diff-rows').textContent).toContain('10 → 12');
  expect(view.get('wb-data-diff-schema').textContent).toContain(
    'int64 → double'
  );
  expect(view.get('wb-data-diff-shifts').textContent).toContain('1 → 2');
  expect(view.get('wb-data-diff-examples').textContent).toContain('x: 1 → 2');
});

it('DataView shows watched folders with their lag and stale stages', async () => {
  const room = await testRoom({
    watches: [
      {
        name: 'line1',
        folder: '/mnt/line1',
        into: 'data/line1',
        pattern: '*.csv',
        settle_s: 2,
        files: 4,
        waiting: 2,
        settling: 0,
        lag_s: 90,
        last_at: '',
        last_lag_s: 0,
        version: '',
        problem: ''
      }
    ],
    pipeline: [
      {
        name: 'clean',
        command: 'mlops run',
        notebook: 'notebooks/clean.ipynb',
        state: 'STALE',
        reasons: ['data/x.csv modified'],
        inputs: [],
        outputs: [],
        params: [],
        job: ''
      }
    ]
  });
  const view = await render(<DataView room={room} />);
  expect(view.get('wb-watch-line1').textContent).toContain(
    '2 waiting for 1m 30s'
  );
  expect(view.get('wb-stage-clean').textContent).toContain(
    'data/x.csv modified'
  );
  await view.click('wb-watch-ingest');
  await view.click('wb-stage-run');
  expect(room.executed).toEqual([
    [CommandIDs.ingestData, { name: 'line1' }],
    [CommandIDs.runPipeline, { stages: ['clean'] }]
  ]);
});
