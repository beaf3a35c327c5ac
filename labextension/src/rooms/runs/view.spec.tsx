import { Resource } from '../../model/resource';
import { CommandIDs } from '../../model/commands';
import { proof } from '../../testing/answers';
import { job, run, runDetail, target } from '../../testing/cards';
import { render } from '../../testing/render';
import { testRoom } from '../../testing/room';
import { CompareView } from './compare';
import { RunDetailView } from './detail';
import { keyMetric, runRows } from './rows';
import type { ISubmission } from './submit';
import { SubmitForm } from './submit';
import { RunsView } from './view';

describe('runRows', () => {
  it('puts a job and its run into one line, and a job without a run into its own', () => {
    const rows = runRows(
      [run({ id: 'a', job: 'jb-1' })],
      [job({ id: 'jb-1', run: 'a' }), job({ id: 'jb-2' })]
    );
    expect(rows.map(row => [row.key, row.job?.id])).toEqual([
      ['jb-2', 'jb-2'],
      ['a', 'jb-1']
    ]);
  });

  it('keeps the key of a row, and so its node, while jobs come before their runs', () => {
    const jobs = [job({ id: 'jb-1', run: 'a' })];
    const before = runRows([], jobs).map(row => row.key);
    const after = runRows([run({ id: 'a', job: 'jb-1' })], jobs);
    expect(after.map(row => row.key)).toEqual(before);
  });

  it('has no line for the job of a run that was deleted or is further down', () => {
    const jobs = [job({ id: 'jb-1', run: 'gone', state: 'SUCCEEDED' })];
    const failed = job({ id: 'jb-2', run: '', state: 'FAILED' });
    const rows = runRows([run({ id: 'other' })], [...jobs, failed]);
    expect(rows.map(row => row.key).sort()).toEqual(['jb-2', 'other']);
  });

  it('orders by time, the newest first', () => {
    const rows = runRows(
      [
        run({ id: 'old', started_at: '2026-11-01T00:00:00Z' }),
        run({ id: 'new', started_at: '2026-11-02T00:00:00Z' })
      ],
      []
    );
    expect(rows.map(row => row.key)).toEqual(['new', 'old']);
  });
});

it('shows the metric that tells most', () => {
  expect(
    keyMetric(run({ metrics: { loss: 1, holdout_f1: 0.9, rows: 3 } }))
  ).toEqual(['holdout_f1', 0.9]);
  expect(keyMetric(run({ metrics: {} }))).toBeNull();
});

describe('RunsView', () => {
  it('teaches where there is nothing yet', async () => {
    const room = await testRoom();
    const view = await render(<RunsView room={room} />);
    expect(view.get('wb-runs-empty').textContent).toContain('%mlops run');
    await view.click('wb-runs-empty-insert');
    expect(room.executed[0]?.[0]).toBe(CommandIDs.insertCell);
  });

  it('shows state, metric and duration, and opens with Enter', async () => {
    const room = await testRoom({ runs: [run()] });
    const view = await render(<RunsView room={room} />);
    const row = view.node.querySelector('[data-key=run-1]')!;
    expect(row.querySelector('[aria-label=Finished]')).not.toBeNull();
    expect(row.textContent).toContain('f1 0.9786');
    expect(row.textContent).toContain('12s');
    await view.press(row, 'Enter');
    expect(room.executed).toEqual([[CommandIDs.openRun, { run: 'run-1' }]]);
  });

  it.each([
    ['goes on', job({ run: 'run-9' }), CommandIDs.openJob, { job: 'jb-1' }],
    [
      'has ended',
      job({ run: 'run-9', state: 'FAILED' }),
      CommandIDs.openRun,
      { run: 'run-9' }
    ],
    [
      'never came to a run',
      job({ run: '', state: 'FAILED' }),
      CommandIDs.openJob,
      { job: 'jb-1' }
    ]
  ])('opens a job that %s', async (_, card, command, args) => {
    const room = await testRoom({ jobs: [card] });
    const view = await render(<RunsView room={room} />);
    await view.press(view.node.querySelector('[data-key]')!, 'Enter');
    expect(room.executed).toEqual([[command, args]]);
  });

  it('says where a job stands that waits, and one whose machine is silent', async () => {
    const waiting = job({
      id: 'jb-2',
      state: 'QUEUED',
      reason: 'Resources',
      queue_position: 3,
      cells: 0,
      started_at: ''
    });
    const silent = job({ id: 'jb-3', is_reachable: false, target: 'tokyo' });
    const room = await testRoom({ jobs: [waiting, silent] });
    const view = await render(<RunsView room={room} />);
    const text = view.node.textContent;
    expect(text).toContain('Place 3 · Queued · Resources');
    expect(text).toContain('tokyo does not answer · Cell 2 of 8');
  });

  it('shows a job live and cancels it without opening it', async () => {
    const room = await testRoom({
      runs: [run({ state: 'RUNNING', job: 'jb-1' })],
      jobs: [job({ run: 'run-1' })]
    });
    const view = await render(<RunsView room={room} />);
    expect(view.node.textContent).toContain('Cell 2 of 8');
    const bar = view.node.querySelector('[role=progressbar]');
    expect(bar?.getAttribute('aria-valuenow')).toBe('25');
    await view.click('wb-run-cancel');
    expect(room.executed).toEqual([[CommandIDs.cancelJob, { job: 'jb-1' }]]);
  });

  it('follows the model', async () => {
    const room = await testRoom({ runs: [run()] });
    const view = await render(<RunsView room={room} />);
    room.client.answers.runs = [run({ state: 'FAILED' })];
    await view.act(() => room.workbench.runs.refresh());
    expect(view.node.querySelector('[aria-label=Failed]')).not.toBeNull();
  });

  it('compares what is chosen', async () => {
    const room = await testRoom({ runs: [run(), run({ id: 'run-2' })] });
    const view = await render(<RunsView room={room} />);
    await view.press(view.node.querySelector('[data-key=run-1]')!, ' ');
    await view.act(() =>
      view.node.querySelector<HTMLElement>('[data-key=run-2] input')?.click()
    );
    await view.click('wb-runs-compare');
    expect(room.executed).toEqual([
      [CommandIDs.compareRuns, { runs: ['run-1', 'run-2'] }]
    ]);
  });
});

it('RunDetailView shows everything that was captured', async () => {
  const room = await testRoom({ 'runs evidence': proof() });
  const detail = new Resource(() =>
    Promise.resolve(runDetail({ error: 'ValueError: depth' }))
  );
  await detail.refresh();
  const view = await render(<RunDetailView room={room} detail={detail} />);
  expect(view.get('wb-run-error').textContent).toBe('ValueError: depth');
  expect(view.get('wb-run-metrics').querySelectorAll('svg')).toHaveLength(1);
  expect(view.get('wb-run-params').textContent).toContain('depth6');
  expect(view.get('wb-run-inputs').textContent).toContain(
    'data/train.csv@0123456789ab'
  );
  expect(view.get('wb-run-code').textContent).toContain('0123456789ab +dirty');
  await view.click('wb-run-request-review');
  expect(room.executed).toEqual([
    [CommandIDs.requestReview, { model: 'run-1' }]
  ]);
});

it('CompareView shows only what differs', async () => {
  const room = await testRoom();
  const comparison = new Resource(() =>
    Promise.resolve({
      runs: [run(), run({ id: 'run-2', name: 'second' })],
      differences: [
        { kind: 'metric', name: 'f1', values: ['0.97861', ''] },
        { kind: 'param', name: 'depth', values: ['6', '8'] }
      ]
    })
  );
  await comparison.refresh();
  const view = await render(
    <CompareView room={room} comparison={comparison} />
  );
  expect(view.get('wb-compare-metric').textContent).toContain('0.9786');
  expect(view.get('wb-compare-metric').textContent).toContain('–');
  expect(view.get('wb-compare-param').textContent).toContain('depth68');
  expect(view.has('wb-compare-code')).toBe(false);
});

it('SubmitForm hands on only what was changed', async () => {
  const room = await testRoom();
  let value: ISubmission = { target: 'local', params: { trees: '9' } };
  const view = await render(
    <SubmitForm
      notebook="train.ipynb"
      targets={[target(), target({ name: 'far', is_ready: false })]}
      parameters={[
        { name: 'depth', value: '6', comment: '' },
        { name: 'trees', value: '24', comment: '' }
      ]}
      value={value}
      trans={room.trans}
      onChange={next => (value = next)}
    />
  );
  const type = (testId: string, text: string): Promise<void> =>
    view.act(() => {
      const input = view.get(testId) as HTMLInputElement;
      Object.getOwnPropertyDescriptor(
        HTMLInputElement.prototype,
        'value'
      )!.set!.call(input, text);
      input.dispatchEvent(new Event('input', { bubbles: true }));
    });
  await type('wb-submit-param-depth', '8');
  expect(value.params).toEqual({ depth: '8', trees: '9' });
  await type('wb-submit-param-trees', '');
  expect(value.params).toEqual({});
  expect(view.get('wb-submit-target').textContent).toContain('far (not ready)');
});
