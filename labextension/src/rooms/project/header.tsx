import { useEffect, useState } from 'react';
import type { IProjectStatus } from '../../api/contract';
import { CommandIDs } from '../../model/commands';
import type { IRoom } from '../../model/tokens';
import { CommandButton } from '../../parts/button';
import { useModels } from '../../parts/hooks';

/** The project at a glance: its name, who is acting, and what waits for somebody. */
export function ProjectHeader(props: { room: IRoom }): JSX.Element | null {
  const { room } = props;
  const { workbench, commands, trans } = room;
  useModels(workbench);
  const { status } = workbench;
  if (!status) {
    return null;
  }
  return (
    <div className="wb-Header" data-testid="wb-header">
      <div className="wb-Header-title">
        <h2
          title={[status.name, status.description].filter(Boolean).join('\n')}
        >
          {status.name}
        </h2>
        <span className="wb-Header-actor" title={status.actor}>
          {status.actor}
        </span>
        <RefreshButton room={room} />
      </div>
      <OpenItems room={room} status={status} />
      <div
        className="wb-Header-toolbar"
        role="toolbar"
        aria-label={trans.__('Project')}
      >
        <CommandButton
          commands={commands}
          id={CommandIDs.runNotebook}
          label={trans.__('Run notebook…')}
          kind="accept"
          testId="wb-run-notebook"
        />
        <CommandButton
          commands={commands}
          id={CommandIDs.requestReview}
          label={trans.__('Request review…')}
          testId="wb-request-review"
        />
      </div>
    </div>
  );
}

/** What waits for somebody; said aloud when it changes. */
function OpenItems(props: {
  room: IRoom;
  status: IProjectStatus;
}): JSX.Element {
  const { trans } = props.room;
  const { open_jobs, open_reviews, open_alerts } = props.status;
  const items = [
    open_jobs > 0 && trans._n('%1 job running', '%1 jobs running', open_jobs),
    open_reviews > 0 &&
      trans._n('%1 review waiting', '%1 reviews waiting', open_reviews),
    open_alerts > 0 && trans._n('%1 alert', '%1 alerts', open_alerts)
  ].filter(Boolean);
  return (
    <p
      className="wb-Header-open"
      role="status"
      data-testid="wb-open-items"
      data-alerts={open_alerts > 0}
    >
      {items.length > 0 ? items.join(' · ') : trans.__('Nothing waits for you')}
    </p>
  );
}

function RefreshButton(props: { room: IRoom }): JSX.Element {
  const { commands, trans } = props.room;
  const [isTurning, setIsTurning] = useState(false);
  useEffect(() => {
    if (!isTurning) {
      return;
    }
    let isGone = false;
    void commands.execute(CommandIDs.refresh).finally(() => {
      if (!isGone) {
        setIsTurning(false);
      }
    });
    return () => {
      isGone = true;
    };
  }, [isTurning, commands]);
  return (
    <button
      type="button"
      className="wb-IconButton"
      data-testid="wb-refresh"
      data-turning={isTurning}
      aria-label={trans.__('Refresh')}
      title={trans.__('Refresh')}
      onClick={() => setIsTurning(true)}
    >
      <svg viewBox="0 0 16 16" aria-hidden>
        <path d="M13.6 2.4V6H10l1.5-1.5A5 5 0 1 0 13 8h1.500A6.500 6.500 0 1 1 12.500 3.500Z" />
      </svg>
    </button>
  );
}
