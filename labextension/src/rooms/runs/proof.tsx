import { useState } from 'react';
import type { IJobCard, IReproduction, IRunCard } from '../../api/contract';
import { CommandIDs } from '../../model/commands';
import type { IRoom } from '../../model/tokens';
import { Badge } from '../../parts/badge';
import { CommandButton } from '../../parts/button';
import { Part } from '../../parts/facts';
import { useAnswer, useModels } from '../../parts/hooks';
import { LevelBadge, levelText } from '../../parts/level';
import { ProblemNote } from '../../parts/problem';
import { Progress } from '../../parts/progress';
import { Table } from '../../parts/table';
import { RelativeTime } from '../../parts/time';
import { checkWord, evidenceWord, partWord } from '../../parts/words';

/** How far the run can be proved: level, evidence, what differs, and the button that tries it again. */
export function Proof(props: { room: IRoom; run: IRunCard }): JSX.Element {
  const { room, run } = props;
  const { workbench, trans, locale } = room;
  const answer = useAnswer(workbench, ['run'], run.id, () =>
    workbench.call('runs evidence', { run: run.id })
  );
  const proof = answer.value;
  return (
    <Part title={trans.__('Reproducibility')} testId="wb-run-proof">
      <p className="wb-Tab-line">
        <LevelBadge
          level={proof?.level ?? run.level}
          trans={trans}
          missing={proof ? missingOf(proof) : ''}
        />
        <span>{levelText(proof?.level ?? run.level, trans).join(': ')}</span>
        {proof?.checked_at && (
          <RelativeTime iso={proof.checked_at} locale={locale} />
        )}
      </p>
      {proof?.is_stale && (
        <p className="wb-Warning">
          {trans.__('Something this rests on has changed; check it again.')}
        </p>
      )}
      <Replay room={room} run={run} checkedAt={proof?.checked_at ?? ''} />
      {answer.problem && <ProblemNote problem={answer.problem} />}
      {proof && proof.evidence.length > 0 && (
        <Table
          label={trans.__('Evidence')}
          items={proof.evidence}
          keyOf={item => `${item.level} ${item.name} ${item.summary}`}
          testId="wb-run-evidence"
          columns={[
            {
              key: 'level',
              label: trans.__('Level'),
              track: 'max-content',
              render: item => item.level
            },
            {
              key: 'result',
              label: trans.__('Result'),
              track: 'max-content',
              render: item => <Badge word={checkWord(item.result, trans)} />
            },
            {
              key: 'name',
              label: trans.__('Evidence'),
              track: 'max-content',
              render: item => evidenceWord(item.name, trans)
            },
            {
              key: 'summary',
              label: trans.__('Summary'),
              track: 'minmax(12em, 1fr)',
              render: item => (
                <span className="wb-Wrap">
                  {item.summary}
                  {item.hint && <span className="wb-Hint"> {item.hint}</span>}
                </span>
              )
            }
          ]}
        />
      )}
      {proof && proof.mismatches.length > 0 && (
        <Table
          label={trans.__('What differs')}
          items={proof.mismatches}
          keyOf={item => `${item.level} ${item.part} ${item.name}`}
          testId="wb-run-mismatches"
          columns={[
            {
              key: 'name',
              label: trans.__('What differs'),
              track: 'minmax(8em, 1fr)',
              render: item => `${partWord(item.part, trans)} ${item.name}`
            },
            {
              key: 'recorded',
              label: trans.__('In the run'),
              track: 'minmax(6em, 1fr)',
              render: item => <span title={item.recorded}>{item.recorded}</span>
            },
            {
              key: 'found',
              label: trans.__('Found'),
              track: 'minmax(6em, 1fr)',
              render: item => (
                <span title={item.detail || item.found}>{item.found}</span>
              )
            }
          ]}
        />
      )}
    </Part>
  );
}

/** The buttons, and how far a replay is. */
function Replay(props: {
  room: IRoom;
  run: IRunCard;
  checkedAt: string;
}): JSX.Element {
  const { room, run, checkedAt } = props;
  const { workbench, commands, trans } = room;
  useModels(workbench.jobs);
  const [asked, setAsked] = useState<IAsked | null>(null);
  if (asked && asked.checkedAt !== checkedAt) {
    setAsked(null);
  }
  const job = asked && replayOf(run, asked, workbench.jobs.value ?? []);
  const share = job && job.cells > 0 ? job.cell / job.cells : null;
  return (
    <>
      {/* The command is the button's; here it is only noted that it was asked for, so that its progress can be shown. */}
      <div
        className="wb-Actions"
        role="presentation"
        onClickCapture={event => {
          const target = event.target;
          if (
            target instanceof HTMLElement &&
            target.closest('[data-testid=wb-run-reproduce]')
          ) {
            setAsked({
              checkedAt,
              known: (workbench.jobs.value ?? []).map(item => item.id)
            });
          }
        }}
      >
        {!asked && (
          <CommandButton
            commands={commands}
            id={CommandIDs.reproduceRun}
            args={{ run: run.id }}
            label={trans.__('Reproduce')}
            about={run.name}
            kind="accept"
            testId="wb-run-reproduce"
          />
        )}
        <CommandButton
          commands={commands}
          id={CommandIDs.verifyRun}
          args={{ run: run.id }}
          label={trans.__('Check without running')}
          testId="wb-run-verify"
        />
      </div>
      {asked && (
        <p className="wb-Hint" role="status" data-testid="wb-run-replaying">
          {job && job.cells > 0
            ? trans.__('Replaying: cell %1 of %2', job.cell, job.cells)
            : trans.__('Laying out code and data of the run…')}
        </p>
      )}
      <Progress
        value={share}
        isShown={asked !== null}
        label={trans.__('Progress of %1', run.name)}
      />
    </>
  );
}

/** What was known when somebody asked for a replay. */
interface IAsked {
  readonly checkedAt: string;
  readonly known: readonly string[];
}

function replayOf(
  run: IRunCard,
  asked: IAsked,
  jobs: readonly IJobCard[]
): IJobCard | undefined {
  return jobs.find(
    job => job.notebook === run.source && !asked.known.includes(job.id)
  );
}

/** What keeps the run from the next level. */
function missingOf(proof: IReproduction): string {
  return proof.evidence
    .filter(item => item.level > proof.level && item.result !== 'pass')
    .map(item => item.summary)
    .slice(0, 3)
    .join('; ');
}
