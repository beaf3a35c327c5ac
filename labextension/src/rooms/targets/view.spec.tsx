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

  it('says what is free, who waits, what it costs and what it cannot do', async () => {
    const cluster = target({
      name: 'cluster',
      cpus: 64,
      cpus_free: 10,
      gpus: 8,
      gpus_free: 0,
      queued_jobs: 4,
      quota: '12 of 16 GPUs used',
      price_per_hour: '310 JPY, price list, 2026-11',
      refusals: { preemptible: 'nobody takes its nodes away' }
    });
    const view = await render(
      <TargetsView room={await testRoom({ targets: [cluster] })} />
    );
    const text = view.node.textContent;
    expect(text).toContain('10 of 64 cores free · 0 of 8 GPUs free');
    expect(text).toContain(
      '4 waiting · Quota: 12 of 16 GPUs used · 310 JPY, price list, 2026-11 an hour'
    );
    expect(view.node.querySelector('details')?.textContent).toContain(
      'nobody takes its nodes away'
    );
  });
});
