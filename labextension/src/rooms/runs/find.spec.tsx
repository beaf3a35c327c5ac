import { ProblemError } from '../../api/problem';
import { CommandIDs } from '../../model/commands';
import { proof } from '../../testing/answers';
import { run, runDetail } from '../../testing/cards';
import type { IRendered } from '../../testing/render';
import { render } from '../../testing/render';
import { testRoom } from '../../testing/room';
import { Resource } from '../../model/resource';
import { RunDiffView } from './diff';
import { RunHeader } from './header';
import { Inputs } from './inputs';
import { Proof } from './proof';
import { Remarks } from './remarks';
import { RunsTable } from './table';
import { RunsView } from './view';

async function type(view: IRendered, text: string): Promise<HTMLInputElement> {
  const input = view.get('wb-query') as HTMLInputElement;
  await view.act(() => {
    Object.getOwnPropertyDescriptor(
      HTMLInputElement.prototype,
      'value'
    )!.set!.call(input, text);
    input.dispatchEvent(new Event('input', { bubbles: true }));
  });
  return input;
}

describe('the query', () => {
  it('completes with the keyboard and asks the server', async () => {
    const room = await testRoom({ runs: [run()] });
    const view = await render(<RunsView room={room} />);
    const input = await type(view, 'f');
    expect(input.getAttribute('aria-expanded')).toBe('true');
    await view.press(input, 'ArrowDown');
    await view.press(input, 'Enter');
    expect(input.value).toBe('metrics.f1 ');
    await type(view, 'metrics.f1 > 2');
    room.client.answers.runs = [];
    await view.press(input, 'Escape');
    await view.press(input, 'Enter');
    expect(room.client.calls.at(-1)?.params).toMatchObject({
      query: 'metrics.f1 > 2'
    });
    expect(view.has('wb-runs-none')).toBe(true);
    room.client.answers.runs = [run()];
    await view.click('wb-query-clear');
    expect(view.has('wb-runs-rows')).toBe(true);
  });

  it.each([
    'Query, character 14: a value was expected\n  metrics.f1 > AND\n               ^',
    '検索条件、14 文字目: a value was expected\n  metrics.f1 > AND\n               ^'
  ])('shows where a query is wrong and keeps the list', async message => {
    const room = await testRoom({ runs: [run()] });
    const view = await render(<RunsView room={room} />);
    const input = await type(view, 'metrics.f1 > AND');
    room.client.answers.runs = new ProblemError({
      code: 'query-invalid',
      message,
      hint: 'write it like this',
      status: 400
    });
    await view.press(input, 'Enter');
    const problem = view.get('wb-query-problem');
    expect(problem.querySelector('mark')?.textContent).toBe('A');
    expect(problem.textContent).toContain('a value was expected');
    expect(input.getAttribute('aria-invalid')).toBe('true');
    expect(view.has('wb-problem')).toBe(false);
    expect(view.has('wb-runs-rows')).toBe(true);
  });

  it('reads twice as many runs when the end comes into sight', async () => {
    const many = (from: number, count: number): ReturnType<typeof run>[] =>
      Array.from({ length: count }, (_, i) => run({ id: `r${from + i}` }));
    const room = await testRoom({ runs: many(0, 200) });
    expect(room.workbench.search.hasMore).toBe(true);
    room.client.answers.runs = many(0, 250);
    await room.workbench.findMore();
    expect(room.client.calls.at(-1)?.params).toMatchObject({ limit: 400 });
    expect(room.workbench.runs.value).toHaveLength(250);
    expect(room.workbench.search.hasMore).toBe(false);
  });
});

it('RunsView shows the level and stars a run without opening it', async () => {
  const room = await testRoom({ runs: [run({ level: 'R2' })] });
  const view = await render(<RunsView room={room} />);
  const badge = view.node.querySelector('.wb-Level')!;
  expect(badge.getAttribute('title')).toContain('R2 Restorable');
  expect(badge.getAttribute('title')).toContain('Missing for R3');
  await view.click('wb-run-star');
  expect(room.executed).toEqual([
    [CommandIDs.starRun, { run: 'run-1', starred: true }]
  ]);
});

it('RunsTable sorts by a column and opens a group as a query', async () => {
  const room = await testRoom({
    runs: [run()],
    'runs group': [
      { value: '6', runs: 3, best: 0.9, best_run: 'run-1', mean: 0.8 }
    ]
  });
  const view = await render(<RunsTable room={room} />);
  await view.click('wb-sort-metrics.f1');
  expect(room.workbench.search.order.sort).toBe('-metrics.f1');
  expect(view.node.querySelector('[aria-sort=descending]')).not.toBeNull();
  await view.click('wb-sort-metrics.f1');
  expect(room.workbench.search.order.sort).toBe('metrics.f1');
  const select = view.get('wb-group') as HTMLSelectElement;
  await view.act(() => {
    select.value = 'params.depth';
    select.dispatchEvent(new Event('change', { bubbles: true }));
  });
  await view.act(() =>
    view.get('wb-groups').querySelector<HTMLElement>('.wb-Link')!.click()
  );
  expect(room.workbench.search.order.query).toBe('params.depth = "6"');
  expect(view.has('wb-runs-wide')).toBe(true);
});

it('RunDiffView shows packages, commits and lines of code', async () => {
  const room = await testRoom();
  const diff = new Resource(() =>
    Promise.resolve({
      before: run(),
      after: run({ id: 'run-2' }),
      differences: [{ kind: 'package', name: 'numpy', values: ['1', '2'] }],
      commits: ['abc123 Deepen the trees'],
      patch: [],
      notebook: ['@@ cell 3', '-depth = 3', '+depth = 6'],
      notes: ['run-1 has no environment']
    })
  );
  await diff.refresh();
  const view = await render(<RunDiffView room={room} diff={diff} />);
  expect(view.get('wb-compare-package').textContent).toContain('numpy12');
  expect(view.get('wb-diff-commits').textContent).toContain('Deepen');
  expect(
    [...view.node.querySelectorAll('.wb-Patch span')].map(
      line => (line as HTMLElement).dataset['sign']
    )
  ).toEqual(['place', 'minus', 'plus']);
  expect(view.has('wb-diff-patch')).toBe(false);
});

it('Proof shows the evidence and what a replay is doing', async () => {
  const room = await testRoom({ 'runs evidence': proof() });
  const view = await render(<Proof room={room} run={run()} />);
  expect(view.get('wb-run-evidence').textContent).toContain('Not passed');
  expect(view.node.querySelector('.wb-Level')?.getAttribute('title')).toContain(
    'data/a.csv is gone'
  );
  await view.click('wb-run-reproduce');
  expect(room.executed).toEqual([[CommandIDs.reproduceRun, { run: 'run-1' }]]);
  expect(view.has('wb-run-replaying')).toBe(true);
  room.client.answers['runs evidence'] = proof({
    level: 'R4',
    checked_at: '2026-11-20T11:00:00Z'
  });
  await view.act(() => room.workbench.refreshNouns(new Set(['run'] as const)));
  expect(view.has('wb-run-replaying')).toBe(false);
  expect(view.get('wb-run-proof').textContent).toContain('R4');
});

it('offers to resume what was killed, to keep what is not versioned, to write a note', async () => {
  const room = await testRoom();
  const detail = runDetail({
    card: run({ state: 'KILLED' }),
    inputs: [{ path: 'a.csv', digest: 'x', dataset_version: '', reader: '' }]
  });
  const view = await render(
    <>
      <RunHeader room={room} detail={detail} />
      <Inputs room={room} detail={detail} />
      <Remarks room={room} detail={detail} />
    </>
  );
  await view.click('wb-run-resume');
  await view.click('wb-run-keep');
  await view.click('wb-run-note');
  expect(room.executed).toEqual([
    [CommandIDs.resumeRun, { run: 'run-1' }],
    [CommandIDs.recordData, { path: 'a.csv' }],
    [CommandIDs.noteRun, { run: 'run-1', note: '' }]
  ]);
});
