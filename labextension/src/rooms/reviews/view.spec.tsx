import { CommandIDs } from '../../model/commands';
import { Resource } from '../../model/resource';
import { check, review } from '../../testing/cards';
import { render } from '../../testing/render';
import { testRoom } from '../../testing/room';
import { DecisionForm } from './decision';
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
    await view.click('wb-review-reject');
    expect(room.executed).toEqual([
      [CommandIDs.approveReview, { review: 'rv-1' }],
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
  const room = await testRoom();
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

describe('DecisionForm', () => {
  it('shows in full what will be signed, and what has not passed', async () => {
    const room = await testRoom();
    const view = await render(
      <DecisionForm
        review={review({
          checks: [check({ name: 'reproduced', result: 'unknown' })]
        })}
        verdict="approve"
        reason=""
        trans={room.trans}
        onChange={() => undefined}
      />
    );
    const text = view.get('wb-decision').textContent;
    for (const digest of [
      review().model_digest,
      review().policy_digest,
      review().evidence_digest
    ]) {
      expect(text).toContain(digest);
    }
    expect(text).toContain('1 required check has not passed');
    expect(
      (view.get('wb-decision-reason') as HTMLTextAreaElement).required
    ).toBe(false);
  });

  it('requires a reason for a rejection', async () => {
    const room = await testRoom();
    const view = await render(
      <DecisionForm
        review={review()}
        verdict="reject"
        reason=""
        trans={room.trans}
        onChange={() => undefined}
      />
    );
    expect(
      (view.get('wb-decision-reason') as HTMLTextAreaElement).required
    ).toBe(true);
  });
});
