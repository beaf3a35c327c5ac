import type { Figure, IRunDetail } from '../../api/contract';
import { CommandIDs } from '../../model/commands';
import type { Resource } from '../../model/resource';
import type { IRoom } from '../../model/tokens';
import { Digest } from '../../parts/copy';
import { Facts, Part } from '../../parts/facts';
import { FileLink } from '../../parts/file';
import { formatFigure } from '../../parts/figures';
import { Page } from '../../parts/page';
import { Sparkline } from '../../parts/sparkline';
import { Table } from '../../parts/table';
import { RelativeTime } from '../../parts/time';
import { RunHeader } from './header';
import { Inputs } from './inputs';
import { Proof } from './proof';
import { Remarks } from './remarks';

/** Everything that was captured of one run. */
export function RunDetailView(props: {
  room: IRoom;
  detail: Resource<IRunDetail>;
}): JSX.Element {
  const { room, detail } = props;
  return (
    <Page resource={detail}>
      {value => <Captured room={room} detail={value} />}
    </Page>
  );
}

function Captured(props: { room: IRoom; detail: IRunDetail }): JSX.Element {
  const { room, detail } = props;
  const { trans, locale } = room;
  return (
    <>
      <RunHeader room={room} detail={detail} />
      {detail.error && (
        <pre className="wb-Error" role="alert" data-testid="wb-run-error">
          {detail.error}
        </pre>
      )}
      <Remarks room={room} detail={detail} />
      <Metrics room={room} detail={detail} />
      {Object.keys(detail.card.params).length > 0 && (
        <Part title={trans.__('Parameters')} testId="wb-run-params">
          <Facts items={Object.entries(detail.card.params)} />
        </Part>
      )}
      <Inputs room={room} detail={detail} />
      <Proof room={room} run={detail.card} />
      <Part title={trans.__('Code and environment')} testId="wb-run-code">
        <Facts
          items={[
            [
              trans.__('Notebook'),
              <FileLink key="file" room={room} file={detail.card.source} />
            ],
            [
              trans.__('Notebook digest'),
              <Digest key="d" digest={detail.notebook_digest} room={room} />
            ],
            [trans.__('Commit'), commitText(detail.commit)],
            [trans.__('Python'), detail.python],
            [
              trans.__('Environment'),
              <Digest key="e" digest={detail.environment_digest} room={room} />
            ],
            [trans.__('Target'), detail.card.target],
            [
              trans.__('Job'),
              detail.card.job && <JobLink room={room} job={detail.card.job} />
            ],
            [trans.__('MLflow run'), detail.card.id]
          ]}
        />
      </Part>
      {detail.artifacts.length > 0 && (
        <Part title={trans.__('Artifacts')} testId="wb-run-artifacts">
          <Table
            label={trans.__('Artifacts')}
            items={detail.artifacts}
            keyOf={path => path}
            columns={[
              {
                key: 'path',
                label: trans.__('Path'),
                track: '1fr',
                render: path => <code>{path}</code>
              }
            ]}
          />
        </Part>
      )}
      <p className="wb-Foot">
        {trans.__('Started')}{' '}
        <RelativeTime iso={detail.card.started_at} locale={locale} />
      </p>
    </>
  );
}

function JobLink(props: { room: IRoom; job: string }): JSX.Element {
  const { room, job } = props;
  return (
    <button
      type="button"
      className="wb-Link"
      data-testid="wb-run-job"
      onClick={() => void room.commands.execute(CommandIDs.openJob, { job })}
    >
      {job}
    </button>
  );
}

function Metrics(props: {
  room: IRoom;
  detail: IRunDetail;
}): JSX.Element | null {
  const { trans, locale } = props.room;
  const { card, history } = props.detail;
  const entries = Object.entries(card.metrics);
  if (entries.length === 0) {
    return null;
  }
  const course = (name: string): readonly Figure[] =>
    (history[name] ?? []).map(point => point.value);
  return (
    <Part title={trans.__('Metrics')} testId="wb-run-metrics">
      <div className="wb-Metrics">
        {entries.map(([name, value]) => (
          <div key={name} className="wb-Metric">
            <span className="wb-Metric-name" title={name}>
              {name}
            </span>
            <span className="wb-Metric-value">
              {formatFigure(value, locale)}
            </span>
            <Sparkline
              values={course(name)}
              label={trans.__(
                '%1 over %2 values, from %3 to %4',
                name,
                course(name).length,
                formatFigure(course(name)[0], locale),
                formatFigure(value, locale)
              )}
            />
          </div>
        ))}
      </div>
    </Part>
  );
}

/** Twelve digits of a commit, and whether files differed from it. */
function commitText(commit: string): string {
  const [hash = '', ...rest] = commit.split('+');
  return [hash.slice(0, 12), ...rest].join(' +');
}
