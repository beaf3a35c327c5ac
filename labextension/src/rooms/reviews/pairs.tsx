import type { TranslationBundle } from '@jupyterlab/translation';
import type {
  IMetricPair,
  IReviewCard,
  IReviewComparison,
  ISlicePair
} from '../../api/contract';
import type { IRoom } from '../../model/tokens';
import { figureColumn, textColumn } from '../../parts/columns';
import { Part } from '../../parts/facts';
import { NO_FIGURE, formatChange, formatFigure } from '../../parts/figures';
import { Table } from '../../parts/table';
import { Remarkable } from './said';

interface IPairsProps {
  room: IRoom;
  review: IReviewCard;
  value: IReviewComparison;
}

/** Metrics of candidate and champion; the one that the gate tested stands first, with its interval. */
export function MetricPairs(props: IPairsProps): JSX.Element | null {
  const { room, review, value } = props;
  const { trans, locale } = room;
  if (value.metrics.length === 0) {
    return null;
  }
  const name = (item: IMetricPair): JSX.Element =>
    item.is_tested ? (
      <Remarkable room={room} review={review} on="check:metric">
        <b>{trans.__('Tested on the holdout rows')}</b>
      </Remarkable>
    ) : item.name in review.metrics ? (
      <Remarkable room={room} review={review} on={`metric:${item.name}`}>
        {item.name}
      </Remarkable>
    ) : (
      <>{item.name}</>
    );
  const served =
    value.champion_version > 0
      ? trans.__('Served (version %1)', value.champion_version)
      : trans.__('Baseline');
  return (
    <Part title={trans.__('Metrics')} testId="wb-review-metrics">
      <Table<IMetricPair>
        label={trans.__('Metrics')}
        items={value.metrics}
        keyOf={item => item.name}
        columns={[
          textColumn('name', trans.__('Metric'), name),
          figureColumn('candidate', trans.__('Candidate'), item =>
            formatFigure(item.candidate, locale)
          ),
          figureColumn('champion', served, item =>
            formatFigure(item.champion, locale)
          ),
          textColumn(
            'interval',
            trans.__('Difference, with its interval'),
            item => interval(item, locale),
            'minmax(12em, max-content)'
          )
        ]}
      />
    </Part>
  );
}

function interval(item: IMetricPair, locale: string): string {
  if (item.candidate === null || item.champion === null) {
    return NO_FIGURE;
  }
  const difference = formatChange(item.candidate - item.champion, locale);
  return item.low === null || item.high === null
    ? difference
    : `${difference} [${formatChange(item.low, locale)}, ${formatChange(item.high, locale)}]`;
}

/** The metric by slice, candidate beside champion. */
export function SlicePairs(props: IPairsProps): JSX.Element | null {
  const { trans, locale } = props.room;
  const { slices, slice_column: column } = props.value;
  if (slices.length === 0) {
    return null;
  }
  const title = trans.__('Slices by %1', column);
  return (
    <Part title={title} testId="wb-review-slices">
      <Table<ISlicePair>
        label={title}
        items={inOrder(slices)}
        keyOf={item => item.name}
        columns={[
          textColumn('name', trans.__('Slice'), item =>
            sliceText(item.name, trans)
          ),
          figureColumn('rows', trans.__('Rows'), item =>
            formatFigure(item.rows, locale)
          ),
          figureColumn('candidate', trans.__('Candidate'), item =>
            formatFigure(item.candidate, locale)
          ),
          figureColumn('champion', trans.__('Served'), item =>
            formatFigure(item.champion, locale)
          )
        ]}
      />
    </Part>
  );
}

/** Slices by what they begin with: numbers as numbers, names behind them as they are. */
function inOrder(slices: readonly ISlicePair[]): readonly ISlicePair[] {
  const rank = ({ name }: ISlicePair): number => {
    const begins = Number.parseFloat(name);
    return Number.isNaN(begins) ? Infinity : begins;
  };
  return [...slices].sort((a, b) =>
    rank(a) === rank(b) ? 0 : rank(a) < rank(b) ? -1 : 1
  );
}

/** The name of a slice; the server writes ranges as `low to high`. */
function sliceText(name: string, trans: TranslationBundle): string {
  const range = /^(-?[\d.e+-]+) to (-?[\d.e+-]+)$/.exec(name);
  return range ? trans.__('%1 to %2', range[1], range[2]) : name;
}
