import type { IReviewCard } from '../../api/contract';
import { CommandIDs } from '../../model/commands';
import { Resource } from '../../model/resource';
import { check, review } from '../../testing/cards';
import { comparison } from '../../testing/answers';
import type { IRendered } from '../../testing/render';
import { render } from '../../testing/render';
import { testRoom } from '../../testing/room';
import { Comments } from './comments';
import { Comparison } from './comparison';
import { DecisionForm } from './decision';
import type { Verdict } from './verdicts';
import { ReviewDetailView } from './detail';
import { ReviewsView } from './view';

const decision = {
  verdict: 'approve',
  principal: 'ren@example.org',
  fingerprint: 'SHA256:abc',
  assurance: 'local-signed',
  at: '2026-11-20T12:30:00Z',
  reason: 'looks right',
  statement_digest: 'sha256:s',
  signature_digest: 'sha256:g'
} as const;

const draft = {
  review: 'rv-1',
  verdict: 'approve',
  namespace: 'mlops-workbench.approve',
  at: '2026-11-20T12:30:00+00:00',
  digest: 'sha256:d',
  text: '{"_type":"https://in-toto.io/Statement/v1"}'
} as const;

describe('ReviewsView', () => {
  it('teaches where there is nothing yet', async () => {
    const view = await render(<ReviewsView room={await testRoom()} />);
    expect(view.get('wb-reviews-empty').textContent).toContain(
      '%mlops review request'
    );
  });

  it('shows results, what is needed and both decisions of an open review', async () => {
    const room = await testRoom({ reviews: [review()] });
    const view = await render(<ReviewsView room={room} />);
    const row = view.node.querySelector('[data-key=rv-1]')!;
    expect(row.querySelector('[aria-label=Passed]')).not.toBeNull();
    expect(row.querySelector('[aria-label="Not passed"]')).not.toBeNull();
    expect(row.textContent).toContain('baseline 0.90');
    expect(row.textContent).toContain('1 approval by somebody other');
    await view.click('wb-review-approve');
    await view.click('wb-review-changes');
    await view.click('wb-review-reject');
    expect(room.executed).toEqual([
      [CommandIDs.approveReview, { review: 'rv-1' }],
      [CommandIDs.requestChanges, { review: 'rv-1' }],
      [CommandIDs.rejectReview, { review: 'rv-1' }]
    ]);
  });

  it('offers the release of an approved review, and nothing of a rejected one', async () => {
    const approved = review({
      state: 'APPROVED',
      needed: [],
      decisions: [decision]
    });
    const rejected = review({ id: 'rv-2', state: 'REJECTED' });
    const room = await testRoom({ reviews: [approved, rejected] });
    const view = await render(<ReviewsView room={room} />);
    await view.click('wb-review-release');
    expect(room.executed).toEqual([
      [CommandIDs.releaseReview, { review: 'rv-1' }]
    ]);
    expect(view.node.querySelector('[data-key=rv-2] button')).toBeNull();
  });
});

it('ReviewDetailView says what a decision proves', async () => {
  const room = await testRoom({ 'review compare': comparison() });
  const detail = new Resource(() =>
    Promise.resolve(review({ decisions: [decision] }))
  );
  await detail.refresh();
  const view = await render(<ReviewDetailView room={room} detail={detail} />);
  expect(view.get('wb-review-decisions').textContent).toContain(
    'Signed by another key on this machine'
  );
  expect(
    view.get('wb-review-checks').querySelectorAll('[role=row]')
  ).toHaveLength(3);
  expect(
    view
      .get('wb-review-digests')
      .querySelector('[title="sha256:aaaa1111bbbb2222cccc3333"]')
  ).not.toBeNull();
});

describe('Comparison', () => {
  it('puts the candidate beside what is served, and hides outputs at first', async () => {
    const room = await testRoom({
      'review compare': comparison({
        approved_review: 'rv-0',
        since_approval: [
          { kind: 'bound', name: 'commit', values: ['aaaa', 'bbbb'] }
        ],
        outputs: ['+ score 0.5'],
        notebook: ['-depth = 4', '+depth = 6']
      })
    });
    const view = await render(<Comparison room={room} review={review()} />);
    const metrics = view.get('wb-review-metrics').textContent;
    expect(metrics).toContain('Served (version 3)');
    expect(metrics).toContain('+0.01 [+0.002, +0.02]');
    expect(view.get('wb-review-slices').textContent).toContain('night');
    expect(view.get('wb-review-signature').textContent).toContain('humidity');
    expect(view.get('wb-review-packages').textContent).toContain('numpy');
    expect(view.get('wb-review-since').textContent).toContain('bbbb');
    expect(view.get('wb-review-notebook').textContent).toContain('depth = 6');
    expect(view.node.textContent).not.toContain('score');
    await view.click('wb-review-outputs-show');
    expect(view.get('wb-review-output-lines').textContent).toContain('score');
  });

  it('says what could not be compared', async () => {
    const room = await testRoom({
      'review compare': comparison({
        champion_version: 0,
        notes: ['Nothing is released']
      })
    });
    const view = await render(<Comparison room={room} review={review()} />);
    expect(view.get('wb-review-metrics').textContent).toContain('Baseline');
    expect(view.node.textContent).toContain('Nothing is released');
  });
});

describe('comments', () => {
  const said = {
    id: 'c1',
    principal: 'ren@example.org',
    at: '2026-11-20T12:30:00Z',
    on: 'check:metric',
    text: 'which rows?'
  };

  it('are shown, and a check, a metric or a cell is clicked to add one', async () => {
    const room = await testRoom({
      'review compare': comparison({
        cells: [{ id: 'c0', source: 'depth = 6' }]
      })
    });
    const detail = new Resource(() =>
      Promise.resolve(review({ comments: [said] }))
    );
    await detail.refresh();
    const view = await render(<ReviewDetailView room={room} detail={detail} />);
    expect(view.get('wb-review-comments').textContent).toContain('which rows?');
    const checks = view.get('wb-review-checks');
    expect(checks.querySelector('[aria-label="1 comment"]')).not.toBeNull();
    await view.act(() =>
      checks
        .querySelector<HTMLElement>('[data-testid="wb-say-check:metric"]')!
        .click()
    );
    await view.click('wb-say-metric:f1');
    await view.click('wb-review-cells-show');
    await view.click('wb-say-cell:c0');
    await view.click('wb-comment-whole');
    expect(room.executed).toEqual(
      ['check:metric', 'metric:f1', 'cell:c0', ''].map(on => [
        CommandIDs.commentReview,
        { review: 'rv-1', on }
      ])
    );
  });

  it('name what they are about', async () => {
    const room = await testRoom();
    const view = await render(
      <Comments room={room} review={review({ comments: [said] })} />
    );
    expect(view.node.querySelector('code')?.textContent).toBe('check metric');
  });
});

it('a check is waived only where policy lets somebody, and overriding is offered in the tab alone', async () => {
  const value = review({ waivable: ['format'], break_glass: ['oncall@x.org'] });
  const room = await testRoom({
    'review compare': comparison(),
    reviews: [value]
  });
  const detail = new Resource(() => Promise.resolve(value));
  await detail.refresh();
  const view = await render(<ReviewDetailView room={room} detail={detail} />);
  expect(view.has('wb-waive-metric')).toBe(false);
  await view.click('wb-waive-format');
  await view.click('wb-review-override');
  expect(room.executed).toEqual([
    [CommandIDs.waiveCheck, { review: 'rv-1', check: 'format' }],
    [CommandIDs.overrideReview, { review: 'rv-1' }]
  ]);
  const list = await render(<ReviewsView room={room} />);
  expect(list.has('wb-review-override')).toBe(false);
});

it('an overridden review stays red until somebody has looked at it', async () => {
  const room = await testRoom({
    reviews: [
      review({
        owes_post_review: true,
        overridden_until: '2026-11-21T12:00:00Z'
      })
    ]
  });
  const view = await render(<ReviewsView room={room} />);
  expect(view.get('wb-overridden').textContent).toContain(
    'nobody has looked at it since'
  );
});

describe('DecisionForm', () => {
  const form = async (
    verdict: Verdict,
    part: Partial<IReviewCard> = {},
    said = { reason: '', at: '', shown: '' }
  ): Promise<IRendered> =>
    render(
      <DecisionForm
        review={review(part)}
        verdict={verdict}
        check={verdict === 'waive' ? 'card' : ''}
        said={said}
        room={await testRoom({ 'review draft': draft })}
        problem={null}
        onChange={() => undefined}
      />
    );

  it('shows in full what will be signed, and what has not passed', async () => {
    const view = await form('approve', {
      checks: [check({ name: 'reproduced', result: 'unknown' })]
    });
    const text = view.get('wb-decision').textContent;
    for (const digest of [
      review().model_digest,
      review().policy_digest,
      review().evidence_digest
    ]) {
      expect(text).toContain(digest);
    }
    expect(text).toContain('1 required check has not passed');
    await view.act(() => new Promise(done => setTimeout(done, 20)));
    expect(view.get('wb-statement').textContent).toBe(draft.text);
    expect(
      (view.get('wb-decision-reason') as HTMLTextAreaElement).required
    ).toBe(false);
    expect(view.has('wb-reason-count')).toBe(false);
  });

  it('requires a reason for a rejection', async () => {
    const view = await form('reject');
    expect(
      (view.get('wb-decision-reason') as HTMLTextAreaElement).required
    ).toBe(true);
  });

  it.each(['waive', 'override', 'post-review'] as const)(
    'counts the characters of the reason to %s',
    async verdict => {
      const short = await form(
        verdict,
        {},
        { reason: ' it is late  ', at: '', shown: '' }
      );
      const count = short.get('wb-reason-count');
      expect(count.textContent).toBe('10 of at least 20 characters');
      expect(count.dataset['enough']).toBe('false');
      const long = await form(
        verdict,
        {},
        { reason: 'the line stands still', at: '', shown: '' }
      );
      expect(long.get('wb-reason-count').textContent).toContain('21');
      expect(long.get('wb-reason-count').dataset['enough']).toBe('true');
    }
  );

  it('says what an override means', async () => {
    const view = await form('override', { break_glass: ['oncall@x.org'] });
    const text = view.get('wb-decision-follows').textContent;
    for (const words of ['24 hours', 'stays red', 'oncall@x.org']) {
      expect(text).toContain(words);
    }
  });
});
