import type { TranslationBundle } from '@jupyterlab/translation';

/** The levels, the weakest first. */
export const LEVELS = ['R0', 'R1', 'R2', 'R3', 'R4'] as const;

/** How far a run's result can be proved. */
export type Level = (typeof LEVELS)[number];

/** Return a level's name and what it proves. */
export function levelText(
  level: string,
  trans: TranslationBundle
): readonly [name: string, meaning: string] {
  const texts: Record<Level, readonly [string, string]> = {
    R0: [trans.__('Recorded'), trans.__('the run was recorded, no more')],
    R1: [
      trans.__('Clean'),
      trans.__('cells ran once and in order, code and data are known')
    ],
    R2: [
      trans.__('Restorable'),
      trans.__('code, data and packages can be laid out again')
    ],
    R3: [
      trans.__('Replayed'),
      trans.__('the notebook ran again from a fresh checkout')
    ],
    R4: [trans.__('Verified'), trans.__('a replay gave the same metrics')]
  };
  return texts[level as Level] ?? [level, ''];
}

/** The level as a small badge; its tooltip says what is proved and what the next level needs. */
export function LevelBadge(props: {
  level: string;
  trans: TranslationBundle;
  /** What is missing, where somebody knows it better than in general. */
  missing?: string;
}): JSX.Element {
  const { level, trans } = props;
  const [name, meaning] = levelText(level, trans);
  const next = LEVELS[LEVELS.indexOf(level as Level) + 1];
  const lines = [trans.__('%1 %2: %3', level, name, meaning)];
  if (next) {
    const wanted = props.missing || levelText(next, trans)[1];
    lines.push(trans.__('Missing for %1: %2', next, wanted));
  }
  const text = lines.join('\n');
  return (
    <span
      className="wb-Level"
      data-level={level}
      role="img"
      aria-label={text}
      title={text}
    >
      {level}
    </span>
  );
}
