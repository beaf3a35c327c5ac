import type {
  AlertState,
  Figure,
  IAlertCard,
  IMonitorCard,
  IWindowCard
} from '../../api/contract';

/** One line of the room: an alert or a watched channel. */
export type MonitorRow =
  | { readonly kind: 'alert'; readonly key: string; readonly alert: IAlertCard }
  | {
      readonly kind: 'channel';
      readonly key: string;
      readonly monitor: IMonitorCard;
    };

/** One feature over the windows, the oldest first; null where a window does not have it. */
export interface IDriftStrip {
  readonly feature: string;
  readonly cells: readonly {
    readonly window: IWindowCard;
    readonly statistic: Figure;
    readonly isDrifted: boolean;
  }[];
}

const RANK: Readonly<Record<AlertState, number>> = {
  OPEN: 0,
  ACKNOWLEDGED: 1,
  RESOLVED: 2
};

/** Return the alerts that nobody resolved and below them the channels. */
export function monitorRows(
  monitors: readonly IMonitorCard[],
  alerts: readonly IAlertCard[]
): readonly MonitorRow[] {
  const open = alerts
    .filter(alert => alert.state !== 'RESOLVED')
    .sort((a, b) => RANK[a.state] - RANK[b.state]);
  return [
    ...open.map(alert => ({ kind: 'alert', key: alert.id, alert }) as const),
    ...monitors.map(
      monitor => ({ kind: 'channel', key: monitor.channel, monitor }) as const
    )
  ];
}

/** Return one strip for each feature, the most drifted of the newest window first. */
export function driftStrips(
  windows: readonly IWindowCard[]
): readonly IDriftStrip[] {
  const newest = windows[0];
  if (!newest) {
    return [];
  }
  const oldestFirst = [...windows].reverse();
  return newest.features.map(({ name }) => ({
    feature: name,
    cells: oldestFirst.map(window => {
      const drift = window.features.find(feature => feature.name === name);
      return {
        window,
        statistic: drift?.statistic ?? null,
        isDrifted: drift?.is_drifted ?? false
      };
    })
  }));
}
