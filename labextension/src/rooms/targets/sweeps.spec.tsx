import { CommandIDs } from '../../model/commands';
import { sweep } from '../../testing/answers';
import { target } from '../../testing/cards';
import { render } from '../../testing/render';
import { testRoom } from '../../testing/room';
import { TargetsView } from './view';

describe('Sweeps', () => {
  it('shows how far each is, what was best, and leads to it', async () => {
    const ended = sweep({ id: 'sw-2', state: 'SUCCEEDED', complete: 40 });
    const room = await testRoom({
      targets: [target()],
      sweeps: [sweep(), ended]
    });
    const view = await render(<TargetsView room={room} />);
    expect(view.get('wb-sweep-sw-1').textContent).toContain(
      '11 of 40 trials · best f1 0.9786 · 1 pruned'
    );
    view.get('wb-sweep-cancel').click();
    view.get('wb-sweep-best').click();
    expect(room.executed).toEqual([
      [CommandIDs.cancelSweep, { sweep: 'sw-1' }],
      [CommandIDs.openRun, { run: 'run-1' }]
    ]);
  });

  it('says what keeps one from going on, and is silent without any', async () => {
    const away = sweep({ best_value: null, error: 'far does not answer' });
    const view = await render(
      <TargetsView
        room={await testRoom({ targets: [target()], sweeps: [away] })}
      />
    );
    expect(view.get('wb-sweep-sw-1').textContent).toContain(
      '11 of 40 trials · 1 pruned · far does not answer'
    );
    const none = await render(
      <TargetsView room={await testRoom({ targets: [target()] })} />
    );
    expect(none.node.querySelector('[data-testid=wb-sweeps]')).toBeNull();
  });
});
