import type { IReviewCard, IReviewComparison } from '../../api/contract';
import type { IRoom } from '../../model/tokens';
import { useAnswer } from '../../parts/hooks';
import { LazyPart } from '../../parts/lazy';
import { Patch } from '../../parts/patch';
import { ProblemNote } from '../../parts/problem';
import { Cells } from './cells';
import { Changes } from './changes';
import { DataChanges } from './datachanges';
import { MetricPairs, SlicePairs } from './pairs';

/** The candidate beside the model that is served, and beside what the reader approved last. */
export function Comparison(props: {
  room: IRoom;
  review: IReviewCard;
}): JSX.Element {
  const { room, review } = props;
  const answer = useAnswer(
    room.workbench,
    ['review', 'release'],
    review.id,
    () => room.workbench.call('review compare', { review: review.id })
  );
  const { value, problem } = answer;
  return (
    <div aria-busy={answer.isPending} data-testid="wb-review-comparison">
      {problem && <ProblemNote problem={problem} />}
      {answer.isPending && (
        <p className="wb-Hint" role="status">
          {room.trans.__('Comparing with what is served…')}
        </p>
      )}
      {value && <Compared room={room} review={review} value={value} />}
    </div>
  );
}

function Compared(props: {
  room: IRoom;
  review: IReviewCard;
  value: IReviewComparison;
}): JSX.Element {
  const { room, review, value } = props;
  const { trans } = room;
  return (
    <>
      {value.since_approval.length > 0 && (
        <Changes
          room={room}
          title={trans.__('What changed since your last approval')}
          before={trans.__('Then (%1)', value.approved_review)}
          after={trans.__('Now')}
          items={value.since_approval}
          testId="wb-review-since"
        />
      )}
      <MetricPairs room={room} review={review} value={value} />
      <SlicePairs room={room} review={review} value={value} />
      <Signature room={room} value={value} />
      <DataChanges room={room} data={value.data} />
      <Changes
        room={room}
        title={trans.__('Settings')}
        before={trans.__('Served')}
        after={trans.__('Candidate')}
        items={value.settings}
        testId="wb-review-settings"
      />
      <Changes
        room={room}
        title={trans.__('Packages')}
        before={trans.__('Served')}
        after={trans.__('Candidate')}
        items={value.packages}
        testId="wb-review-packages"
      />
      <Patch
        title={trans.__('Notebook')}
        lines={value.notebook}
        testId="wb-review-notebook"
      />
      {value.outputs.length > 0 && (
        <LazyPart
          title={trans.__('Notebook with outputs')}
          label={trans.__('Show outputs')}
          testId="wb-review-outputs"
        >
          {() => (
            <Patch
              title={trans.__('Outputs')}
              lines={value.outputs}
              testId="wb-review-output-lines"
            />
          )}
        </LazyPart>
      )}
      <Cells room={room} review={review} cells={value.cells} />
      <Patch
        title={trans.__('Code')}
        lines={value.patch}
        testId="wb-review-patch"
      />
      <Patch
        title={trans.__('Model card')}
        lines={value.card}
        testId="wb-review-card"
      />
      {value.notes.length > 0 && (
        <div className="wb-Part">
          {value.notes.map(note => (
            <p key={note} className="wb-Hint">
              {note}
            </p>
          ))}
        </div>
      )}
    </>
  );
}

function Signature(props: {
  room: IRoom;
  value: IReviewComparison;
}): JSX.Element | null {
  const { room, value } = props;
  const { trans } = room;
  return (
    <Changes
      room={room}
      title={trans.__('Inputs and classes')}
      before={trans.__('Served')}
      after={trans.__('Candidate')}
      items={value.features.map(({ kind, name, before, after }) => ({
        kind,
        name,
        values: [before, after]
      }))}
      testId="wb-review-signature"
    />
  );
}
