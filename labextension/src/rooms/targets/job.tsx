import { PathExt } from '@jupyterlab/coreutils';
import { useEffect, useRef } from 'react';
import type { IJobCard } from '../../api/contract';
import { CommandIDs } from '../../model/commands';
import type { IJobView } from '../../model/joblog';
import type { Resource } from '../../model/resource';
import type { IRoom } from '../../model/tokens';
import { Badge } from '../../parts/badge';
import { CommandButton } from '../../parts/button';
import { Facts, Part } from '../../parts/facts';
import { FileLink } from '../../parts/file';
import { formatBytes, formatDuration } from '../../parts/figures';
import { useNow } from '../../parts/hooks';
import { Page } from '../../parts/page';
import { Progress } from '../../parts/progress';
import { jobWord } from '../../parts/words';
import { elapsedSeconds } from './pace';

/** One job: how far it is, what it prints, what can be done about it. */
export function JobView(props: {
  room: IRoom;
  job: Resource<IJobView>;
}): JSX.Element {
  return (
    <Page resource={props.job}>
      {view => (
        <>
          <Header room={props.room} card={view.card} />
          <Standing room={props.room} card={view.card} />
          <Output room={props.room} view={view} />
        </>
      )}
    </Page>
  );
}

function Header(props: { room: IRoom; card: IJobCard }): JSX.Element {
  const { room, card } = props;
  const { trans, commands } = room;
  const hasEnded = card.ended_at !== '';
  return (
    <header className="wb-Tab-header">
      <div>
        <h1>
          {PathExt.basename(card.notebook, PathExt.extname(card.notebook))}
        </h1>
        <p className="wb-Tab-line">
          <Badge word={jobWord(card.state, trans)} />
          <span>{trans.__('on %1', card.target)}</span>
          <span>{card.id}</span>
          {card.attempt > 1 && (
            <span>{trans.__('Attempt %1', card.attempt)}</span>
          )}
        </p>
      </div>
      <div className="wb-Actions">
        {!hasEnded && (
          <CommandButton
            commands={commands}
            id={CommandIDs.cancelJob}
            args={{ job: card.id }}
            label={trans.__('Cancel')}
            kind="warn"
            testId="wb-job-cancel"
          />
        )}
        {hasEnded && card.state !== 'SUCCEEDED' && (
          <CommandButton
            commands={commands}
            id={CommandIDs.retryJob}
            args={{ job: card.id }}
            label={trans.__('Try again')}
            kind="accept"
            testId="wb-job-retry"
          />
        )}
        {card.run && (
          <CommandButton
            commands={commands}
            id={CommandIDs.openRun}
            args={{ run: card.run }}
            label={trans.__('Open run')}
            testId="wb-job-run"
          />
        )}
      </div>
    </header>
  );
}

function Standing(props: { room: IRoom; card: IJobCard }): JSX.Element {
  const { room, card } = props;
  const { trans, locale } = room;
  const elapsed = elapsedSeconds(card, useNow());
  return (
    <>
      <Progress
        value={card.cells > 0 ? card.cell / card.cells : null}
        isShown={card.ended_at === ''}
        label={trans.__('Progress of %1', card.id)}
      />
      {!card.is_reachable && (
        <p className="wb-Hint" role="status" data-testid="wb-job-away">
          {trans.__(
            '%1 does not answer. The job itself may be well; nothing is concluded from silence.',
            card.target
          )}
        </p>
      )}
      {card.error && (
        <pre className="wb-Error" role="alert" data-testid="wb-job-error">
          {card.error}
        </pre>
      )}
      <Part title={trans.__('Where it stands')} testId="wb-job-standing">
        <Facts
          items={[
            [
              trans.__('Cells'),
              card.cells > 0 ? trans.__('%1 of %2', card.cell, card.cells) : ''
            ],
            [trans.__('Reason'), card.reason],
            [
              trans.__('Place in the queue'),
              card.queue_position > 0 ? card.queue_position : ''
            ],
            [
              trans.__('Elapsed'),
              elapsed === null ? '' : formatDuration(elapsed)
            ],
            [
              trans.__('Earlier jobs took'),
              (card.expected_s ?? 0) > 0 ? formatDuration(card.expected_s) : ''
            ],
            [
              trans.__('Memory'),
              card.memory_bytes > 0
                ? formatBytes(card.memory_bytes, locale)
                : ''
            ],
            [
              trans.__('Notebook'),
              <FileLink key="notebook" room={room} file={card.notebook} />
            ],
            [trans.__('Submitted by'), card.actor],
            [trans.__('Submitted on'), card.machine]
          ]}
        />
      </Part>
    </>
  );
}

/** What the cells print, as it comes; it stays at its end unless somebody has scrolled up to read. */
function Output(props: { room: IRoom; view: IJobView }): JSX.Element {
  const { trans } = props.room;
  const { output, isCut } = props.view;
  const box = useRef<HTMLPreElement>(null);
  const isAtEnd = useRef(true);
  useEffect(() => {
    if (box.current && isAtEnd.current) {
      box.current.scrollTop = box.current.scrollHeight;
    }
  }, [output]);
  return (
    <Part title={trans.__('Output')} testId="wb-job-output">
      {isCut && (
        <p className="wb-Hint">
          {trans.__('The beginning is left out; the notebook has all of it.')}
        </p>
      )}
      <pre
        ref={box}
        className="wb-Output"
        role="log"
        // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- what scrolls has to be reached by keyboard
        tabIndex={0}
        aria-label={trans.__('Output')}
        onScroll={event => {
          const { scrollTop, scrollHeight, clientHeight } = event.currentTarget;
          isAtEnd.current = scrollHeight - scrollTop - clientHeight < 24;
        }}
      >
        {output || trans.__('Nothing has been printed yet.')}
      </pre>
    </Part>
  );
}
