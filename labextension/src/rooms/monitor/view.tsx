import type { IAlertCard, IMonitorCard } from '../../api/contract';
import { CommandIDs } from '../../model/commands';
import type { IRoom } from '../../model/tokens';
import { CommandButton } from '../../parts/button';
import { Empty } from '../../parts/empty';
import { formatFigure } from '../../parts/figures';
import { Glyph } from '../../parts/glyph';
import { useModels } from '../../parts/hooks';
import { Rows } from '../../parts/rows';
import { Section } from '../../parts/section';
import { RelativeTime } from '../../parts/time';
import { alertWord } from '../../parts/words';
import { DriftHeat } from './heat';
import { monitorRows } from './rows';

/** What teaches the first look at drift. */
const FIRST_WINDOW = `%load_ext workbench
%mlops monitor check MODEL@production`;

/** The alerts that ask for somebody, and below them how the inputs of each channel have drifted. */
export function MonitorView(props: { room: IRoom }): JSX.Element {
  const { room } = props;
  const { workbench, trans } = room;
  useModels(workbench.monitors, workbench.alerts);
  const rows = monitorRows(
    workbench.monitors.value ?? [],
    workbench.alerts.value ?? []
  );
  return (
    <Section
      lists={[workbench.monitors, workbench.alerts]}
      empty={
        <Empty
          room={room}
          testId="wb-monitor-empty"
          text={trans.__(
            'The monitor compares what a released model is asked with what it was trained on, window by window.'
          )}
          cell={FIRST_WINDOW}
        />
      }
    >
      {() => (
        <Rows
          items={rows}
          label={trans.__('Monitor')}
          estimate={150}
          testId="wb-monitor-rows"
          keyOf={row => row.key}
          render={(row, tabIndex) =>
            row.kind === 'alert' ? (
              <AlertLine room={room} alert={row.alert} tabIndex={tabIndex} />
            ) : (
              <ChannelLine
                room={room}
                monitor={row.monitor}
                tabIndex={tabIndex}
              />
            )
          }
        />
      )}
    </Section>
  );
}

function AlertLine(props: {
  room: IRoom;
  alert: IAlertCard;
  tabIndex: 0 | -1;
}): JSX.Element {
  const { room, alert, tabIndex } = props;
  const { trans, commands, locale } = room;
  const word = alertWord(alert.state, trans);
  const isCritical = alert.severity === 'critical' && alert.state === 'OPEN';
  const shared = {
    commands,
    args: { alert: alert.id },
    about: alert.title,
    tabIndex
  };
  return (
    <div className="wb-Stack wb-Alert" data-state={alert.state}>
      <div className="wb-Line">
        <Glyph tone={isCritical ? 'bad' : word.tone} label={word.label} />
        <span className="wb-Alert-title">{alert.title}</span>
        <RelativeTime iso={alert.last_seen_at} locale={locale} />
        <Seen room={room} alert={alert} />
      </div>
      <p className="wb-Hint">{alert.action}</p>
      <div className="wb-Actions">
        {alert.state === 'OPEN' && (
          <CommandButton
            {...shared}
            id={CommandIDs.acknowledgeAlert}
            label={trans.__('Acknowledge')}
            testId="wb-alert-acknowledge"
          />
        )}
        <CommandButton
          {...shared}
          id={CommandIDs.resolveAlert}
          label={trans.__('Resolve')}
          testId="wb-alert-resolve"
        />
      </div>
    </div>
  );
}

/** In how many windows it was seen; what passed by the gate was seen in none. */
function Seen(props: { room: IRoom; alert: IAlertCard }): JSX.Element | null {
  const { alert } = props;
  const parts = [
    !alert.title.includes(alert.channel) && alert.channel,
    alert.kind !== 'out-of-band' &&
      props.room.trans._n(
        'seen in %1 window',
        'seen in %1 windows',
        alert.count
      )
  ].filter(Boolean);
  return parts.length === 0 ? null : (
    <span className="wb-Row-note wb-Span">{parts.join(' · ')}</span>
  );
}

function ChannelLine(props: {
  room: IRoom;
  monitor: IMonitorCard;
  tabIndex: 0 | -1;
}): JSX.Element {
  const { room, monitor, tabIndex } = props;
  const { trans, commands, locale } = room;
  const isDrifted = monitor.windows[0]?.is_drifted ?? false;
  return (
    <div className="wb-Stack" data-drifted={isDrifted}>
      <div className="wb-Line">
        <Glyph
          tone={isDrifted ? 'warn' : monitor.windows.length ? 'good' : 'idle'}
          label={isDrifted ? trans.__('Drifted') : trans.__('No drift')}
        />
        <span className="wb-Row-name" title={monitor.channel}>
          {monitor.channel}
        </span>
        <CommandButton
          commands={commands}
          id={CommandIDs.checkDrift}
          args={{ channel: monitor.channel }}
          label={trans.__('Check now')}
          about={monitor.channel}
          testId="wb-monitor-check"
          tabIndex={tabIndex}
        />
        <span className="wb-Row-note wb-Span">
          {[
            trans.__('%1 rows seen', formatFigure(monitor.rows_seen, locale)),
            trans._n('%1 window', '%1 windows', monitor.windows.length)
          ].join(' · ')}
        </span>
      </div>
      {monitor.reference_rows === 0 && (
        <p className="wb-Hint">
          {trans.__(
            'This model brought no reference profile; save it with training data to see drift.'
          )}
        </p>
      )}
      <DriftHeat room={room} windows={monitor.windows} />
    </div>
  );
}
