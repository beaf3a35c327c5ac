import type { CSSProperties } from 'react';
import type { IWindowCard } from '../../api/contract';
import type { IRoom } from '../../model/tokens';
import { formatFigure } from '../../parts/figures';
import type { IDriftStrip } from './rows';
import { driftStrips } from './rows';

/** A Kolmogorov-Smirnov distance from here on has the full colour. */
const FULL_COLOUR = 0.5;

/** Drift as a strip of cells for each feature: columns are windows, the newest on the right. */
export function DriftHeat(props: {
  room: IRoom;
  windows: readonly IWindowCard[];
}): JSX.Element | null {
  const { room, windows } = props;
  const strips = driftStrips(windows);
  if (strips.length === 0) {
    return null;
  }
  return (
    <div className="wb-Heat" data-testid="wb-monitor-heat">
      {strips.map(strip => (
        <Strip key={strip.feature} room={room} strip={strip} />
      ))}
    </div>
  );
}

function Strip(props: { room: IRoom; strip: IDriftStrip }): JSX.Element {
  const { room, strip } = props;
  const { trans, locale } = room;
  const drifted = strip.cells.filter(cell => cell.isDrifted).length;
  const last = strip.cells.at(-1);
  return (
    <div className="wb-Heat-row" data-drifted={last?.isDrifted ?? false}>
      <span className="wb-Heat-name" title={strip.feature}>
        {strip.feature}
      </span>
      <span
        className="wb-Heat-cells"
        role="img"
        aria-label={trans.__(
          '%1: drifted in %2 of %3 windows',
          strip.feature,
          drifted,
          strip.cells.length
        )}
      >
        {strip.cells.map(cell => (
          <span
            key={`${cell.window.model_digest}-${cell.window.index}`}
            className="wb-Heat-cell"
            data-drifted={cell.isDrifted}
            title={trans.__(
              'Window %1 · distance %2',
              cell.window.index,
              formatFigure(cell.statistic, locale)
            )}
            style={heat(cell.statistic)}
          />
        ))}
      </span>
      <span className="wb-Heat-value">
        {formatFigure(rounded(last?.statistic ?? null), locale)}
      </span>
    </div>
  );
}

function heat(statistic: number | null): CSSProperties {
  const share = Math.min((statistic ?? 0) / FULL_COLOUR, 1);
  return { '--wb-heat': `${Math.round(share * 100)}%` } as CSSProperties;
}

function rounded(value: number | null): number | null {
  return value === null ? null : Math.round(value * 100) / 100;
}
