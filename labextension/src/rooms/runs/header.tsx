import type { IRunDetail } from '../../api/contract';
import { CommandIDs } from '../../model/commands';
import type { IRoom } from '../../model/tokens';
import { Badge } from '../../parts/badge';
import { CommandButton } from '../../parts/button';
import { formatDuration } from '../../parts/figures';
import { LevelBadge } from '../../parts/level';
import { StarButton } from '../../parts/star';
import { runWord } from '../../parts/words';

/** What the run is called, how it stands, and what can be done with it. */
export function RunHeader(props: {
  room: IRoom;
  detail: IRunDetail;
}): JSX.Element {
  const { room, detail } = props;
  const { trans, commands } = room;
  const { card } = detail;
  const canResume = card.state === 'KILLED' || card.state === 'LOST';
  return (
    <header className="wb-Tab-header">
      <div>
        <h1>
          {card.name} <StarButton room={room} run={card} />
        </h1>
        <p className="wb-Tab-line">
          <Badge word={runWord(card.state, trans)} />
          <LevelBadge level={card.level} trans={trans} />
          <span>{formatDuration(card.duration_s)}</span>
          <span>{card.actor}</span>
          {detail.resumes && (
            <button
              type="button"
              className="wb-Link"
              onClick={() =>
                void commands.execute(CommandIDs.openRun, {
                  run: detail.resumes
                })
              }
            >
              {trans.__('Goes on from %1', detail.resumes.slice(0, 8))}
            </button>
          )}
        </p>
      </div>
      <div className="wb-Actions">
        {canResume && (
          <CommandButton
            commands={commands}
            id={CommandIDs.resumeRun}
            args={{ run: card.id }}
            label={trans.__('Resume')}
            testId="wb-run-resume"
          />
        )}
        <CommandButton
          commands={commands}
          id={CommandIDs.openLineage}
          args={{ id: card.id }}
          label={trans.__('Lineage')}
          testId="wb-run-lineage"
        />
        <CommandButton
          commands={commands}
          id={CommandIDs.deleteRuns}
          args={{ runs: [card.id] }}
          label={trans.__('Delete')}
          kind="warn"
          testId="wb-run-delete"
        />
        {card.models.length > 0 && (
          <CommandButton
            commands={commands}
            id={CommandIDs.requestReview}
            args={{ model: card.id }}
            label={trans.__('Request review…')}
            kind="accept"
            testId="wb-run-request-review"
          />
        )}
      </div>
    </header>
  );
}
