import { target } from '../../testing/cards';
import { render } from '../../testing/render';
import { testRoom } from '../../testing/room';
import { TargetsView } from './view';

describe('TargetsView', () => {
  it('teaches where there is nothing yet', async () => {
    const view = await render(<TargetsView room={await testRoom()} />);
    expect(view.get('wb-targets-empty').textContent).toContain(
      'workbench.toml'
    );
  });

  it('says what keeps a target from being ready, and what mends it', async () => {
    const broken = target({
      name: 'cluster',
      is_ready: false,
      checks: [
        {
          name: 'ssh',
          is_ok: false,
          message: 'no answer',
          hint: 'ssh cluster true'
        }
      ]
    });
    const view = await render(
      <TargetsView room={await testRoom({ targets: [target(), broken] })} />
    );
    const row = view.node.querySelector('[data-key=cluster]')!;
    expect(row.querySelector('[aria-label="Not ready"]')).not.toBeNull();
    expect(row.textContent).toContain('no answer');
    expect(row.textContent).toContain('ssh cluster true');
    expect(view.node.querySelector('[data-key=local]')?.textContent).toContain(
      '2 cores · 8 GB memory'
    );
  });
});
