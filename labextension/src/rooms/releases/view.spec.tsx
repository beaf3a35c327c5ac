import { CommandIDs } from '../../model/commands';
import { release, runner } from '../../testing/cards';
import { render } from '../../testing/render';
import { testRoom } from '../../testing/room';
import { ReleasesView } from './view';

const before = release({ id: 'rl-0', version: 1, state: 'SUPERSEDED' });
const now = release({ version: 2 });

describe('ReleasesView', () => {
  it('teaches where there is nothing yet', async () => {
    const view = await render(<ReleasesView room={await testRoom()} />);
    expect(view.get('wb-releases-empty').textContent).toContain(
      '%mlops release'
    );
  });

  it('shows what answers, who approved it and how fast it is', async () => {
    const room = await testRoom({
      releases: [before, now],
      runners: [runner()]
    });
    const view = await render(<ReleasesView room={room} />);
    const text = view.get('wb-releases-rows').textContent;
    expect(text).toContain('p500.21 ms');
    expect(text).toContain('p991.4 ms');
    expect(text).toContain('8,808');
    expect(text).toContain(
      'Approved by ren@example.org · Signed by another key'
    );
    expect(text.indexOf('v2')).toBeLessThan(text.indexOf('v1'));
    await view.click('wb-runner-stop');
    await view.click('wb-release-rollback');
    const args = { channel: 'shuttle@production' };
    expect(room.executed).toEqual([
      [CommandIDs.stopRunner, args],
      [CommandIDs.rollBack, args]
    ]);
  });

  it('starts a runner that is not there, and has nothing to roll back to', async () => {
    const room = await testRoom({ releases: [now] });
    const view = await render(<ReleasesView room={room} />);
    expect(view.has('wb-release-rollback')).toBe(false);
    await view.click('wb-runner-start');
    expect(room.executed[0]?.[0]).toBe(CommandIDs.startRunner);
  });

  it('says why the newest release is not served', async () => {
    const refusal = 'The statement does not verify';
    const view = await render(
      <ReleasesView
        room={await testRoom({
          releases: [now],
          runners: [runner({ refusal })]
        })}
      />
    );
    expect(view.node.querySelector('[role=status]')?.textContent).toBe(refusal);
  });
});
