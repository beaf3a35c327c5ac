import type { IRoom } from '../../model/tokens';
import { Badge } from '../../parts/badge';
import { formatFigure } from '../../parts/figures';
import { useAnswer } from '../../parts/hooks';
import { LazyPart } from '../../parts/lazy';
import { ProblemNote } from '../../parts/problem';
import { Table } from '../../parts/table';
import { checkWord } from '../../parts/words';

interface IPartProps {
  readonly room: IRoom;
  readonly path: string;
}

/** Whether the data holds what its checks file declares. */
export function ChecksPart(props: IPartProps): JSX.Element {
  const { trans } = props.room;
  return (
    <LazyPart
      title={trans.__('Checks')}
      label={trans.__('Look now')}
      testId="wb-data-checks"
    >
      {() => <Checks {...props} />}
    </LazyPart>
  );
}

function Checks(props: IPartProps): JSX.Element {
  const { room, path } = props;
  const { workbench, trans, locale } = room;
  const answer = useAnswer(workbench, ['data'], path, () =>
    workbench.call('data checks', { path })
  );
  if (answer.problem) {
    return <ProblemNote problem={answer.problem} />;
  }
  if (!answer.value) {
    return <p className="wb-Hint">{trans.__('Reading…')}</p>;
  }
  return (
    <Table
      label={trans.__('Checks')}
      items={answer.value.rules}
      keyOf={rule => `${rule.column} ${rule.rule}`}
      columns={[
        {
          key: 'result',
          label: trans.__('Result'),
          track: 'max-content',
          render: rule => (
            <Badge word={checkWord(rule.is_ok ? 'pass' : 'fail', trans)} />
          )
        },
        {
          key: 'column',
          label: trans.__('Column'),
          track: 'minmax(7em, 1fr)',
          render: rule => rule.column
        },
        {
          key: 'rule',
          label: trans.__('Rule'),
          track: 'minmax(8em, 2fr)',
          render: rule => rule.rule
        },
        {
          key: 'failing',
          label: trans.__('Rows that break it'),
          track: 'max-content',
          align: 'end',
          render: rule => (
            <span title={rule.examples.join(', ')}>
              {formatFigure(rule.failing_rows, locale)}
            </span>
          )
        }
      ]}
    />
  );
}

/** What looks like personal data. */
export function ScanPart(props: IPartProps): JSX.Element {
  const { trans } = props.room;
  return (
    <LazyPart
      title={trans.__('Personal data')}
      label={trans.__('Scan now')}
      testId="wb-data-scan"
    >
      {() => <Scan {...props} />}
    </LazyPart>
  );
}

function Scan(props: IPartProps): JSX.Element {
  const { room, path } = props;
  const { workbench, trans, locale } = room;
  const answer = useAnswer(workbench, ['data'], path, () =>
    workbench.call('data scan', { path })
  );
  if (answer.problem) {
    return <ProblemNote problem={answer.problem} />;
  }
  if (!answer.value) {
    return <p className="wb-Hint">{trans.__('Reading…')}</p>;
  }
  if (answer.value.is_clean) {
    return (
      <p className="wb-Hint">
        {trans.__('Nothing that looks like personal data was found.')}
      </p>
    );
  }
  return (
    <>
      {answer.value.unread.length > 0 && (
        <p className="wb-Warning">
          {trans.__('Not looked into: %1', answer.value.unread.join(', '))}
        </p>
      )}
      <Table
        label={trans.__('Personal data')}
        items={answer.value.findings}
        keyOf={item => `${item.file} ${item.column} ${item.kind}`}
        columns={[
          {
            key: 'column',
            label: trans.__('Column'),
            track: 'minmax(7em, 1fr)',
            render: item => item.column || item.file
          },
          {
            key: 'kind',
            label: trans.__('Kind'),
            track: 'max-content',
            render: item => item.kind
          },
          {
            key: 'count',
            label: trans.__('Values'),
            track: 'max-content',
            align: 'end',
            render: item => formatFigure(item.count, locale)
          },
          {
            key: 'confidence',
            label: trans.__('Confidence'),
            track: 'max-content',
            render: item => item.confidence
          },
          {
            key: 'reason',
            label: trans.__('Reason'),
            track: 'minmax(10em, 2fr)',
            render: item => (
              <span className="wb-Wrap" title={item.examples.join(', ')}>
                {item.reason}
              </span>
            )
          }
        ]}
      />
    </>
  );
}
