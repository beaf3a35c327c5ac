import { CommandIDs } from '../../model/commands';
import { alert, drift, driftWindow, monitor } from '../../testing/cards';
import { render } from '../../testing/render';
import { testRoom } from '../../testing/room';
import { driftStrips } from './rows';
import { MonitorView } from './view';

describe('driftStrips', () => {
  it('goes from the oldest window to the newest, in the order of the newest', () => {
    const strips = driftStrips([
      driftWindow({
        index: 1,
        features: [drift({ name: 'b' }), drift({ name: 'a' })]
      }),
      driftWindow({
        index: 0,
        features: [drift({ name: 'a', is_drifted: false })]
      })
    ]);
    expect(strips.map(strip => strip.feature)).toEqual(['b', 'a']);
    expect(
      strips[1]?.cells.map(cell => [cell.window.index, cell.isDrifted])
    ).toEqual([
      [0, false],
      [1, true]
    ]);
    expect(strips[0]?.cells[0]?.statistic).toBeNull();
  });
});

describe('MonitorView', () => {
  it('teaches where there is nothing yet', async () => {
    const view = await render(<MonitorView room={await testRoom()} />);
    expect(view.get('wb-monitor-empty').textContent).toContain(
      '%mlops monitor check'
    );
  });

  it('shows each feature as a strip that can be heard', async () => {
    const view = await render(
      <MonitorView room={await testRoom({ monitor: [monitor()] })} />
    );
    const strips = [
      ...view.get('wb-monitor-heat').querySelectorAll('[role=img]')
    ];
    expect(strips.map(strip => strip.getAttribute('aria-label'))).toEqual([
      'rad_flow: drifted in 2 of 2 windows',
      'high_gain: drifted in 0 of 2 windows'
    ]);
    expect(
      view.get('wb-monitor-heat').querySelectorAll('.wb-Heat-cell')
    ).toHaveLength(4);
  });

  it('puts open alerts first, with what to do, and hides those that are resolved', async () => {
    const room = await testRoom({
      monitor: [monitor()],
      alerts: [
        alert({ id: 'al-2', state: 'RESOLVED' }),
        alert({ id: 'al-3', state: 'ACKNOWLEDGED' }),
        alert()
      ]
    });
    const view = await render(<MonitorView room={room} />);
    const keys = [...view.node.querySelectorAll<HTMLElement>('[role=row]')].map(
      row => row.dataset['key']
    );
    expect(keys).toEqual(['al-1', 'al-3', 'shuttle@production']);
    expect(view.node.textContent).toContain(
      'mlops monitor check shuttle@production'
    );
    await view.click('wb-alert-acknowledge');
    await view.click('wb-alert-resolve');
    await view.click('wb-monitor-check');
    expect(room.executed.map(([id]) => id)).toEqual([
      CommandIDs.acknowledgeAlert,
      CommandIDs.resolveAlert,
      CommandIDs.checkDrift
    ]);
  });
});
