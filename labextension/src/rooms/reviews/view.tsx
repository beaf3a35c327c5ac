import type { IReviewCard } from '../../api/contract';
import { CommandIDs } from '../../model/commands';
import type { IRoom } from '../../model/tokens';
import { Empty } from '../../parts/empty';
import { Glyph } from '../../parts/glyph';
import { Rows } from '../../parts/rows';
import { Section } from '../../parts/section';
import { RelativeTime } from '../../parts/time';
import { checkWord, reviewWord } from '../../parts/words';
import { DecisionButtons } from './actions';
import { Overridden } from './overridden';

/** What teaches the first review. */
const FIRST_REVIEW = `%load_ext workbench
%mlops review request MODEL`;

/** The reviews: what was checked, what is still needed, and the two decisions. */
export function ReviewsView(props: { room: IRoom }): JSX.Element {
  const { room } = props;
  const { trans, commands } = room;
  return (
    <Section
      lists={[room.workbench.reviews]}
      empty={
        <Empty
          room={room}
          testId="wb-reviews-empty"
          text={trans.__(
            'A review freezes a model, checks it against the policy and binds your decision to its bytes.'
          )}
          cell={FIRST_REVIEW}
        />
      }
    >
      {() => (
        <Rows
          items={room.workbench.reviews.value ?? []}
          label={trans.__('Reviews')}
          estimate={120}
          testId="wb-reviews-rows"
          keyOf={review => review.id}
          onOpen={review =>
            void commands.execute(CommandIDs.openReview, { review: review.id })
          }
          render={(review, tabIndex) => (
            <ReviewLine room={room} review={review} tabIndex={tabIndex} />
          )}
        />
      )}
    </Section>
  );
}

function ReviewLine(props: {
  room: IRoom;
  review: IReviewCard;
  tabIndex: 0 | -1;
}): JSX.Element {
  const { room, review, tabIndex } = props;
  const { trans, locale } = room;
  const word = reviewWord(review.state, trans);
  const isOpen = ['OPEN', 'CHECKING', 'CHANGES_REQUESTED'].includes(
    review.state
  );
  return (
    <div className="wb-Stack" data-state={review.state}>
      <div className="wb-Line">
        <Glyph tone={word.tone} label={word.label} />
        <span className="wb-Row-name" title={review.id}>
          {review.model}
          <span className="wb-Row-version">{review.stage}</span>
        </span>
        <RelativeTime iso={review.requested_at} locale={locale} />
        <span className="wb-Row-note wb-Span">
          {[word.label, lastWord(review) || review.requester].join(' · ')}
        </span>
      </div>
      {isOpen ? (
        <Checks room={room} review={review} />
      ) : (
        <CheckStrip room={room} review={review} />
      )}
      {review.needed.length > 0 && review.state !== 'REJECTED' && (
        <ul className="wb-Needed">
          {review.needed.map(item => (
            <li key={item}>{item}</li>
          ))}
        </ul>
      )}
      <Overridden room={room} review={review} tabIndex={tabIndex} />
      <DecisionButtons room={room} review={review} tabIndex={tabIndex} />
    </div>
  );
}

/** Who decided last. */
function lastWord(review: IReviewCard): string {
  return review.decisions.at(-1)?.principal ?? '';
}

function Checks(props: { room: IRoom; review: IReviewCard }): JSX.Element {
  const { trans } = props.room;
  return (
    <ul className="wb-Findings" aria-label={trans.__('Checks')}>
      {props.review.checks.map(check => {
        const word = checkWord(check.result, trans);
        return (
          <li key={check.name} data-result={check.result}>
            <Glyph tone={word.tone} label={word.label} />
            <span title={check.summary}>
              <b>{check.name}</b> {check.summary}
            </span>
          </li>
        );
      })}
    </ul>
  );
}

/** The checks of a decided review: their results alone. */
function CheckStrip(props: { room: IRoom; review: IReviewCard }): JSX.Element {
  const { trans } = props.room;
  return (
    <div className="wb-CheckStrip" role="group" aria-label={trans.__('Checks')}>
      {props.review.checks.map(check => {
        const word = checkWord(check.result, trans);
        return (
          <Glyph
            key={check.name}
            tone={word.tone}
            label={`${check.name}: ${word.label}`}
          />
        );
      })}
    </div>
  );
}
