import type { ICheckReport, IReviewCard } from '../../api/contract';
import { CommandIDs } from '../../model/commands';
import type { IRoom } from '../../model/tokens';
import { Badge } from '../../parts/badge';
import { CommandButton } from '../../parts/button';
import { figureColumn, textColumn, tightColumn } from '../../parts/columns';
import { Digest } from '../../parts/copy';
import { Part } from '../../parts/facts';
import { formatDuration, formatFigure } from '../../parts/figures';
import { Table } from '../../parts/table';
import { checkWord } from '../../parts/words';
import { Remarkable } from './said';

/** The checks with their evidence; each can be commented on, and waived where policy lets reviewers. */
export function CheckTable(props: {
  room: IRoom;
  review: IReviewCard;
}): JSX.Element {
  const { room, review } = props;
  const { trans, locale } = room;
  return (
    <Part title={trans.__('Checks')} testId="wb-review-checks">
      <Table<ICheckReport>
        label={trans.__('Checks')}
        items={review.checks}
        keyOf={check => check.name}
        columns={[
          tightColumn('result', trans.__('Result'), check => (
            <Badge word={checkWord(check.result, trans)} />
          )),
          tightColumn('name', trans.__('Check'), check => (
            <CheckName room={room} review={review} check={check} />
          )),
          textColumn(
            'summary',
            trans.__('Summary'),
            check => (
              <span className="wb-Wrap" title={figuresText(check, locale)}>
                {check.summary}
                {check.where && (
                  <span className="wb-Row-version">{check.where}</span>
                )}
              </span>
            ),
            'minmax(12em, 1fr)'
          ),
          figureColumn('duration', trans.__('Duration'), check =>
            formatDuration(check.duration_s)
          ),
          tightColumn('evidence', trans.__('Evidence'), check => (
            <Digest digest={check.evidence_digest} room={room} />
          ))
        ]}
      />
    </Part>
  );
}

function CheckName(props: {
  room: IRoom;
  review: IReviewCard;
  check: ICheckReport;
}): JSX.Element {
  const { room, review, check } = props;
  const { trans, commands } = room;
  return (
    <>
      <Remarkable room={room} review={review} on={`check:${check.name}`}>
        {check.name}
      </Remarkable>
      {check.is_required && (
        <span className="wb-Row-version">{trans.__('required')}</span>
      )}
      {review.waivable.includes(check.name) && (
        <CommandButton
          commands={commands}
          id={CommandIDs.waiveCheck}
          args={{ review: review.id, check: check.name }}
          label={trans.__('Waive…')}
          about={check.name}
          testId={`wb-waive-${check.name}`}
        />
      )}
    </>
  );
}

function figuresText(check: ICheckReport, locale: string): string {
  return [
    check.tool,
    ...Object.entries(check.figures).map(
      ([name, value]) => `${name} ${formatFigure(value, locale)}`
    )
  ].join('\n');
}
