import type { IReleaseInterval } from '../../api/contract';
import { CommandIDs } from '../../model/commands';
import { Resource } from '../../model/resource';
import { release, runner } from '../../testing/cards';
import { render } from '../../testing/render';
import { testRoom } from '../../testing/room';
import { HistoryView, ranAt } from './history';
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

  it('is red where something is wrong, and leads to where it is mended', async () => {
    const faults = [
      {
        kind: 'override-owed',
        message: 'rv-9 was overridden, and nobody has looked at it since',
        hint: 'mlops review post-review rv-9',
        review: 'rv-9'
      },
      {
        kind: 'out-of-band',
        message: 'MLflow’s alias points elsewhere',
        hint: 'mlops release',
        review: ''
      }
    ];
    const room = await testRoom({
      releases: [release({ faults })],
      runners: [runner()]
    });
    const view = await render(<ReleasesView room={room} />);
    expect(view.node.querySelector('[data-red=true]')).not.toBeNull();
    expect(view.node.textContent).toContain('nobody has looked at it since');
    await view.click('wb-release-post-review');
    await view.click('wb-release-review');
    await view.click('wb-release-again');
    await view.click('wb-gate-watch');
    await view.click('wb-release-history');
    expect(room.executed).toEqual([
      [CommandIDs.postReview, { review: 'rv-9' }],
      [CommandIDs.openReview, { review: 'rv-9' }],
      [CommandIDs.releaseReview, { review: 'rv-1' }],
      [CommandIDs.watchGate, {}],
      [CommandIDs.openHistory, { model: 'shuttle@production' }]
    ]);
  });
});

describe('HistoryView', () => {
  const interval = (part: Partial<IReleaseInterval>): IReleaseInterval => ({
    channel: 'shuttle@production',
    version: 1,
    model_digest: 'sha256:aaaa1111',
    since: '2026-11-20T10:00:00Z',
    until: '2026-11-21T10:00:00Z',
    release: 'rl-1',
    how: 'promoted',
    actor: 'mika@example.org',
    review: 'rv-1',
    requester: 'mika@example.org',
    run: 'run-1',
    policy_digest: 'sha256:p',
    evidence_digest: 'sha256:e',
    assurance: 'local-signed',
    approvals: [],
    seq: 7,
    approved_by: ['ren@example.org'],
    overridden_by: '',
    looked_at_by: '',
    valid_until: '',
    state: 'served',
    outside: [],
    evidence: 'mlops evidence export rv-1',
    names: 'signed',
    ...part
  });
  const two = [
    interval({
      version: 2,
      release: 'rl-2',
      overridden_by: 'oncall@example.org',
      seq: 9,
      since: '2026-11-21T10:00:00Z',
      until: ''
    }),
    interval({})
  ];

  it('shows what ran, the newest first', async () => {
    const room = await testRoom();
    const history = new Resource(() => Promise.resolve(two));
    await history.refresh();
    const view = await render(
      <HistoryView room={room} model="shuttle" history={history} />
    );
    const rows = view.get('wb-history').querySelectorAll('[role=row]');
    expect(rows).toHaveLength(3);
    expect(rows[1]?.textContent).toContain('Now');
    expect(rows[1]?.textContent).toContain('nobody has looked at it since');
    expect(rows[2]?.textContent).toContain('ren@example.org');
  });

  it('knows what ran at a moment', () => {
    expect(ranAt(two, '2026-11-20T12:00:00Z')).toEqual([two[1]]);
    expect(ranAt(two, '2026-11-21T10:00:00Z')).toEqual([two[0]]);
    expect(ranAt(two, '2026-11-19T00:00:00Z')).toEqual([]);
    expect(ranAt(two, '')).toEqual(two);
  });
});
