import { useState } from 'react';
import type { IReleaseInterval } from '../../api/contract';
import { CommandIDs } from '../../model/commands';
import type { Resource } from '../../model/resource';
import type { IRoom } from '../../model/tokens';
import { figureColumn, textColumn, tightColumn } from '../../parts/columns';
import { Digest } from '../../parts/copy';
import { NO_FIGURE, formatTime } from '../../parts/figures';
import { Glyph } from '../../parts/glyph';
import { Page } from '../../parts/page';
import { Table } from '../../parts/table';
import { assuranceText } from '../../parts/words';

/** A column of people: an address is not broken where it fits. */
const PEOPLE = 'minmax(14em, 1fr)';

/** What ran, from when to when, who approved it and on which evidence; or only what ran at one moment. */
export function HistoryView(props: {
  room: IRoom;
  model: string;
  history: Resource<readonly IReleaseInterval[]>;
}): JSX.Element {
  const { room, model, history } = props;
  const { trans } = room;
  const [moment, setMoment] = useState('');
  return (
    <Page resource={history} isWide>
      {intervals => (
        <>
          <header className="wb-Tab-header">
            <h1>{trans.__('What ran as %1', model)}</h1>
            <label className="wb-Field wb-Tab-moment">
              <span>{trans.__('Only at this moment')}</span>
              <input
                type="datetime-local"
                className="jp-mod-styled"
                data-testid="wb-history-at"
                value={moment}
                onChange={event => setMoment(event.target.value)}
              />
            </label>
          </header>
          <Intervals
            room={room}
            isOneChannel={model.includes('@')}
            items={ranAt(intervals, moment)}
          />
        </>
      )}
    </Page>
  );
}

/**
 * Return what ran at a moment.
 *
 * @param moment The user's own time, as an input has it; empty for all of them.
 */
export function ranAt(
  intervals: readonly IReleaseInterval[],
  moment: string
): readonly IReleaseInterval[] {
  const then = Date.parse(moment);
  return Number.isNaN(then)
    ? intervals
    : intervals.filter(
        ({ since, until }) =>
          Date.parse(since) <= then && (!until || then < Date.parse(until))
      );
}

function Intervals(props: {
  room: IRoom;
  /** Whether all of them ran on the same channel, which need not be said in each row then. */
  isOneChannel: boolean;
  items: readonly IReleaseInterval[];
}): JSX.Element {
  const { room, isOneChannel, items } = props;
  const { trans, locale } = room;
  if (items.length === 0) {
    return <p data-testid="wb-history-none">{trans.__('Nothing ran then.')}</p>;
  }
  const how = (item: IReleaseInterval): string =>
    item.how === 'rolled-back'
      ? trans.__('Rolled back to')
      : trans.__('Released');
  return (
    <Table<IReleaseInterval>
      label={trans.__('What ran')}
      testId="wb-history"
      items={items}
      keyOf={item => `${item.release} ${item.seq}`}
      columns={[
        ...(isOneChannel
          ? []
          : [
              tightColumn<IReleaseInterval>(
                'channel',
                trans.__('Channel'),
                item => item.channel
              )
            ]),
        figureColumn('version', trans.__('Version'), item => item.version),
        tightColumn('since', trans.__('From'), item =>
          formatTime(item.since, locale)
        ),
        tightColumn('until', trans.__('To'), item =>
          item.until ? formatTime(item.until, locale) : trans.__('Now')
        ),
        textColumn(
          'approvals',
          trans.__('Approved by'),
          item => (
            <span
              className="wb-Wrap"
              title={assuranceText(item.assurance, trans)}
            >
              {item.overridden_by ? (
                <Override room={room} item={item} />
              ) : (
                item.approved_by.join(', ') || NO_FIGURE
              )}
            </span>
          ),
          PEOPLE
        ),
        textColumn(
          'how',
          trans.__('How'),
          item => (
            <span className="wb-Wrap">{`${how(item)} · ${item.actor}`}</span>
          ),
          PEOPLE
        ),
        tightColumn('model', trans.__('Model'), item => (
          <Digest digest={item.model_digest} room={room} />
        )),
        tightColumn('evidence', trans.__('Evidence'), item => (
          <Digest digest={item.evidence_digest} room={room} />
        )),
        tightColumn('review', trans.__('Review'), item => (
          <button
            type="button"
            className="wb-Link"
            onClick={() =>
              void room.commands.execute(CommandIDs.openReview, {
                review: item.review
              })
            }
          >
            {item.review}
          </button>
        ))
      ]}
    />
  );
}

/** Who let it through without the approvals, and who has looked at it since. */
function Override(props: { room: IRoom; item: IReleaseInterval }): JSX.Element {
  const { trans } = props.room;
  const { overridden_by: by, looked_at_by: seenBy } = props.item;
  return (
    <>
      <Glyph tone={seenBy ? 'warn' : 'bad'} />{' '}
      {trans.__('Overridden by %1', by)}
      {' · '}
      {seenBy
        ? trans.__('looked at by %1', seenBy)
        : trans.__('nobody has looked at it since')}
    </>
  );
}
