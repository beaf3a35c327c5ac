import type { CheckResult, IDifference } from '../../api/contract';
import type { IRoom } from '../../model/tokens';
import { textColumn, tightColumn } from '../../parts/columns';
import { Digest } from '../../parts/copy';
import { Part } from '../../parts/facts';
import { NO_FIGURE } from '../../parts/figures';
import { Table } from '../../parts/table';
import { checkWord } from '../../parts/words';
import { boundWord, differenceWord } from './words';

/** What a digest or a commit looks like; it is shortened, and copied with a click. */
const DIGEST = /^(?:[a-z0-9]+:)?[0-9a-f]{40,64}$/;

/** What differs, before and after. */
export function Changes(props: {
  room: IRoom;
  title: string;
  before: string;
  after: string;
  items: readonly IDifference[];
  testId: string;
}): JSX.Element | null {
  const { trans } = props.room;
  if (props.items.length === 0) {
    return null;
  }
  const text = (item: IDifference, index: number): JSX.Element => {
    const value = item.values[index] ?? '';
    return DIGEST.test(value) ? (
      <Digest digest={value} room={props.room} />
    ) : (
      <span className="wb-Wrap">
        {item.kind === 'check' && value
          ? checkWord(value as CheckResult, trans).label
          : value || NO_FIGURE}
      </span>
    );
  };
  return (
    <Part title={props.title} testId={props.testId}>
      <Table<IDifference>
        label={props.title}
        items={props.items}
        keyOf={item => `${item.kind} ${item.name}`}
        columns={[
          tightColumn('kind', trans.__('Kind'), item =>
            differenceWord(item.kind, trans)
          ),
          textColumn(
            'name',
            trans.__('Name'),
            item => (
              <span className="wb-Wrap">
                {item.kind === 'bound'
                  ? boundWord(item.name, trans)
                  : item.name}
              </span>
            ),
            'fit-content(18em)'
          ),
          textColumn('before', props.before, item => text(item, 0)),
          textColumn('after', props.after, item => text(item, 1))
        ]}
      />
    </Part>
  );
}
