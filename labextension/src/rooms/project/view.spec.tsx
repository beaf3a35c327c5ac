import { CommandIDs } from '../../model/commands';
import { ProblemError } from '../../api/problem';
import { status } from '../../testing/cards';
import { render } from '../../testing/render';
import { testRoom } from '../../testing/room';
import { ProjectHeader } from './header';
import { ScreenView } from './screen';

const problem = (code: string): ProblemError =>
  new ProblemError({ code, message: 'it broke', hint: 'mend it', status: 404 });

describe('ProjectHeader', () => {
  it('says who is acting and what waits', async () => {
    const room = await testRoom({
      status: status({ open_reviews: 2, open_alerts: 1 })
    });
    const view = await render(<ProjectHeader room={room} />);
    expect(view.get('wb-header').textContent).toContain('mika@example.org');
    expect(view.get('wb-open-items').textContent).toBe(
      '2 reviews waiting · 1 alert'
    );
    await view.click('wb-run-notebook');
    await view.click('wb-request-review');
    await view.click('wb-refresh');
    expect(room.executed.map(([id]) => id)).toEqual([
      CommandIDs.runNotebook,
      CommandIDs.requestReview,
      CommandIDs.refresh
    ]);
  });

  it('is quiet where nothing waits', async () => {
    const view = await render(<ProjectHeader room={await testRoom()} />);
    expect(view.get('wb-open-items').textContent).toBe('Nothing waits for you');
  });
});

describe('ScreenView', () => {
  it('is not there where all is well', async () => {
    const view = await render(<ScreenView room={await testRoom()} />);
    expect(view.node.innerHTML).toBe('');
  });

  it('makes a project where there is none', async () => {
    const room = await testRoom({ status: problem('project-missing') });
    const view = await render(<ScreenView room={room} />);
    expect(view.get('wb-screen-project-missing').textContent).toContain(
      'No project here yet'
    );
    await view.click('wb-create-project');
    expect(room.executed).toEqual([
      [CommandIDs.createProject, { template: 'shuttle' }]
    ]);
  });

  it('says how to get the server extension', async () => {
    const room = await testRoom();
    room.client.greeting = problem('server-missing');
    await room.workbench.refresh();
    const view = await render(<ScreenView room={room} />);
    expect(view.get('wb-screen-server-missing').textContent).toContain(
      'pip install mlops-workbench'
    );
    await view.click('wb-try-again');
    expect(room.executed[0]?.[0]).toBe(CommandIDs.refresh);
  });

  it('names both versions where they differ', async () => {
    const room = await testRoom();
    room.client.greeting = { version: '9.9.9', server_ok: true };
    await room.workbench.refresh();
    const view = await render(<ScreenView room={room} />);
    const text = view.get('wb-screen-version-mismatch').textContent;
    expect(text).toContain('9.9.9');
    expect(text).toContain('0.1.0');
    expect(view.has('wb-reload')).toBe(true);
  });

  it('shows any other problem with its hint and code', async () => {
    const room = await testRoom({ status: problem('config-syntax') });
    const view = await render(<ScreenView room={room} />);
    expect(view.get('wb-problem').textContent).toContain('it broke');
    expect(view.get('wb-problem').textContent).toContain('mend it');
    expect(view.get('wb-problem').textContent).toContain('config-syntax');
  });
});
