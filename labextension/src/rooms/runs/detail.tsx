import type { Figure, IRunDetail } from '../../api/contract';
import { CommandIDs } from '../../model/commands';
import type { Resource } from '../../model/resource';
import type { IRoom } from '../../model/tokens';
import { Badge } from '../../parts/badge';
import { CommandButton } from '../../parts/button';
import { Digest } from '../../parts/copy';
import { Facts, Part } from '../../parts/facts';
import { FileLink } from '../../parts/file';
import { formatDuration, formatFigure } from '../../parts/figures';
import { useModels } from '../../parts/hooks';
import { ProblemNote } from '../../parts/problem';
import { Sparkline } from '../../parts/sparkline';
import { Table } from '../../parts/table';
import { RelativeTime } from '../../parts/time';
import { runWord } from '../../parts/words';

/** Everything that was captured of one run. */
export function RunDetailView(props: {
  room: IRoom;
  detail: Resource<IRunDetail>;
}): JSX.Element {
  const { room, detail } = props;
  useModels(detail);
  return (
    <div className="wb-Tab-page" aria-busy={detail.isPending}>
      {detail.problem && <ProblemNote problem={detail.problem} />}
      {detail.value && <Captured room={room} detail={detail.value} />}
    </div>
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
      <Metrics room={room} detail={detail} />
      {Object.keys(detail.card.params).length > 0 && (
        <Part title={trans.__('Parameters')} testId="wb-run-params">
          <Facts items={Object.entries(detail.card.params)} />
        </Part>
      )}
      <Inputs room={room} detail={detail} />
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
            [trans.__('Job'), detail.card.job],
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

function RunHeader(props: { room: IRoom; detail: IRunDetail }): JSX.Element {
  const { trans, commands } = props.room;
  const { card } = props.detail;
  return (
    <header className="wb-Tab-header">
      <div>
        <h1>{card.name}</h1>
        <p className="wb-Tab-line">
          <Badge word={runWord(card.state, trans)} />
          <span>{formatDuration(card.duration_s)}</span>
          <span>{card.actor}</span>
        </p>
      </div>
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
    </header>
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

function Inputs(props: {
  room: IRoom;
  detail: IRunDetail;
}): JSX.Element | null {
  const { trans } = props.room;
  const { inputs } = props.detail;
  if (inputs.length === 0) {
    return null;
  }
  return (
    <Part title={trans.__('Inputs')} testId="wb-run-inputs">
      <Table
        label={trans.__('Inputs')}
        items={inputs}
        keyOf={input => input.path}
        columns={[
          {
            key: 'path',
            label: trans.__('Path'),
            track: 'minmax(8em, 2fr)',
            render: input => <FileLink room={props.room} file={input.path} />
          },
          {
            key: 'version',
            label: trans.__('Dataset version'),
            track: 'minmax(8em, 2fr)',
            render: input => input.dataset_version || trans.__('Not versioned')
          },
          {
            key: 'digest',
            label: trans.__('Digest'),
            track: 'auto',
            render: input => <Digest digest={input.digest} room={props.room} />
          }
        ]}
      />
    </Part>
  );
}

/** Twelve digits of a commit, and whether files differed from it. */
function commitText(commit: string): string {
  const [hash = '', ...rest] = commit.split('+');
  return [hash.slice(0, 12), ...rest].join(' +');
}
