import type { IJobEvent } from '../../api/contract';
import { CommandIDs } from '../../model/commands';
import type { IJobView } from '../../model/joblog';
import { JobLog } from '../../model/joblog';
import { Resource } from '../../model/resource';
import { job } from '../../testing/cards';
import type { IRendered } from '../../testing/render';
import { render } from '../../testing/render';
import type { ITestRoom } from '../../testing/room';
import { testRoom } from '../../testing/room';
import { JobView } from './job';

const said = (seq: number, text: string): IJobEvent => ({
  seq,
  at: '2026-11-20T10:00:00Z',
  kind: 'out',
  data: { cell: 1, text }
});

async function open(
  room: ITestRoom
): Promise<{ view: IRendered; read: () => Promise<void> }> {
  const log = new JobLog(room.workbench, 'jb-1');
  const resource = new Resource<IJobView>(() => log.read());
  await resource.refresh();
  const view = await render(<JobView room={room} job={resource} />);
  return { view, read: () => view.act(() => resource.refresh()) };
}

describe('JobView', () => {
  it('shows how far a job is and what it prints, and reads only what is new', async () => {
    const card = job({ memory_bytes: 3.1e8, expected_s: 40 });
    const room = await testRoom({
      'jobs show': card,
      logs: [said(1, 'epoch 1\n')]
    });
    const { view, read } = await open(room);
    expect(view.get('wb-job-standing').textContent).toContain('2 of 8');
    expect(view.get('wb-job-standing').textContent).toContain('310 MB');
    expect(view.get('wb-job-standing').textContent).toContain('40s');
    room.client.answers.logs = [said(1, 'epoch 1\n'), said(2, 'epoch 2\n')];
    await read();
    expect(view.node.querySelector('[role=log]')?.textContent).toBe(
      'epoch 1\nepoch 2\n'
    );
    const asked = room.client.calls.filter(call => call.words === 'logs');
    expect(asked.map(call => call.params)).toEqual([
      { job: 'jb-1', after: 0 },
      { job: 'jb-1', after: 1 }
    ]);
  });

  it('begins anew with another attempt', async () => {
    const room = await testRoom({
      'jobs show': job(),
      logs: [said(1, 'first try')]
    });
    const { view, read } = await open(room);
    room.client.answers['jobs show'] = job({ attempt: 2 });
    room.client.answers.logs = [said(1, 'second try')];
    await read();
    expect(view.node.querySelector('[role=log]')?.textContent).toBe(
      'second try'
    );
    expect(view.node.textContent).toContain('Attempt 2');
  });

  it.each([
    ['RUNNING', '', 'wb-job-cancel', CommandIDs.cancelJob],
    ['FAILED', '2026-11-20T10:01:00Z', 'wb-job-retry', CommandIDs.retryJob]
  ] as const)(
    'offers what can be done when %s',
    async (state, ended_at, id, command) => {
      const room = await testRoom({
        'jobs show': job({
          state,
          ended_at,
          is_reachable: state !== 'RUNNING'
        }),
        logs: []
      });
      const { view } = await open(room);
      await view.click(id);
      expect(room.executed).toEqual([[command, { job: 'jb-1' }]]);
      expect(
        view.node.querySelector('[data-testid=wb-job-away]') === null
      ).toBe(state !== 'RUNNING');
    }
  );
});
