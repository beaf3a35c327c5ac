import { useEffect, useState } from 'react';
import type { IProblem, IStatementDraft } from '../../api/contract';
import { asProblem } from '../../api/problem';
import type { IRoom } from '../../model/tokens';
import { ProblemNote } from '../../parts/problem';
import type { Verdict } from './verdicts';

/** How long typing has to pause before the statement is drawn up again. */
const PAUSE_MS = 250;

/** Exactly what will be signed, byte for byte, as the server draws it up for this reason. */
export function StatementText(props: {
  room: IRoom;
  review: string;
  verdict: Verdict | 'comment';
  /** The check that is waived; empty for other verdicts. */
  check?: string;
  /** What is commented on; empty for the whole, and for verdicts. */
  on?: string;
  reason: string;
  onDraft(draft: IStatementDraft): void;
}): JSX.Element {
  const { room, review, verdict, check = '', on = '', reason, onDraft } = props;
  const { trans, workbench } = room;
  const [draft, setDraft] = useState<IStatementDraft | null>(null);
  const [problem, setProblem] = useState<IProblem | null>(null);
  useEffect(() => {
    let isWanted = true;
    const ask = async (): Promise<void> => {
      try {
        const found = await workbench.call('review draft', {
          review,
          verdict,
          reason: reason.trim(),
          check,
          on
        });
        if (isWanted) {
          setDraft(found);
          setProblem(null);
          onDraft(found);
        }
      } catch (error) {
        if (isWanted) {
          setProblem(asProblem(error));
        }
      }
    };
    const timer = window.setTimeout(() => void ask(), draft ? PAUSE_MS : 0);
    return () => {
      isWanted = false;
      window.clearTimeout(timer);
    };
    // eslint-disable-next-line react-hooks/exhaustive-deps -- the reason is what changes the statement
  }, [workbench, review, verdict, check, on, reason]);
  if (problem) {
    return <ProblemNote problem={problem} />;
  }
  return (
    <details className="wb-Statement" open>
      <summary>
        {trans.__('The statement that you sign')}
        {draft && <code className="wb-Digest-full">{draft.namespace}</code>}
      </summary>
      {/* A long line scrolls, and what scrolls has to be reachable with the keyboard. */}
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
      <pre className="wb-Patch" tabIndex={0} data-testid="wb-statement">
        {draft?.text ?? '…'}
      </pre>
    </details>
  );
}
