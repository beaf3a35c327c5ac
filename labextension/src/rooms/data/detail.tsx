import type { IDataCard, IDatasetVersion } from '../../api/contract';
import { CommandIDs } from '../../model/commands';
import type { IRoom } from '../../model/tokens';
import { CommandButton } from '../../parts/button';
import { Digest } from '../../parts/copy';
import { Facts, Part } from '../../parts/facts';
import { formatBytes, formatFigure } from '../../parts/figures';
import { useAnswer, useModels } from '../../parts/hooks';
import { ProblemNote } from '../../parts/problem';
import { Table } from '../../parts/table';
import { RelativeTime } from '../../parts/time';
import { ProfilePart } from './profile';
import { ChecksPart, ScanPart } from './quality';
import { classWord } from './words';

/** What the server says where nobody has written a card; no fault, only something to do. */
const NO_CARD = 'card-missing';

/** How the server says of a field that it is empty; which ones are, the card itself shows. */
const MISSING = ' is missing';

/** Everything that is known of one dataset: whose it is, its versions, what it holds. */
export function DataDetailView(props: {
  room: IRoom;
  path: string;
}): JSX.Element {
  const { room, path } = props;
  const { workbench, trans, commands } = room;
  useModels(workbench.data);
  const versions = (workbench.data.value ?? []).filter(
    version => version.path === path
  );
  const now = versions.find(version => version.is_current) ?? versions[0];
  return (
    <div className="wb-Tab-page" aria-busy={workbench.data.isPending}>
      <header className="wb-Tab-header">
        <div>
          <h1>{path}</h1>
          {now && (
            <p className="wb-Tab-line">
              <Digest digest={now.digest} room={room} />
              <span>{formatBytes(now.size, room.locale)}</span>
              {now.rows !== null && (
                <span>
                  {trans.__('%1 rows', formatFigure(now.rows, room.locale))}
                </span>
              )}
            </p>
          )}
        </div>
        <div className="wb-Actions">
          <CommandButton
            commands={commands}
            id={CommandIDs.openFile}
            args={{ file: path }}
            label={trans.__('Open file')}
          />
          {now && (
            <CommandButton
              commands={commands}
              id={CommandIDs.openLineage}
              args={{ id: now.id }}
              label={trans.__('Lineage')}
              testId="wb-data-lineage"
            />
          )}
          <CommandButton
            commands={commands}
            id={CommandIDs.recordData}
            args={{ path }}
            label={trans.__('Record…')}
            kind="accept"
            testId="wb-data-record"
          />
        </div>
      </header>
      <CardPart room={room} path={path} />
      <Log room={room} versions={versions} />
      <ProfilePart room={room} source={now?.id ?? path} />
      <ChecksPart room={room} path={path} />
      <ScanPart room={room} path={path} />
    </div>
  );
}

/** Whose data it is, what for, and of which class. */
function CardPart(props: { room: IRoom; path: string }): JSX.Element {
  const { room, path } = props;
  const { workbench, trans } = room;
  const answer = useAnswer(workbench, ['data'], path, () =>
    workbench.call('data card', { path })
  );
  const card = answer.value;
  return (
    <Part title={trans.__('Data card')} testId="wb-data-card">
      {answer.problem?.code === NO_CARD ? (
        <p className="wb-Hint" data-testid="wb-data-card-missing">
          {trans.__(
            'Nobody has said yet whose data this is and what it is for.'
          )}
        </p>
      ) : (
        answer.problem && <ProblemNote problem={answer.problem} />
      )}
      {card && <CardFacts room={room} card={card} />}
      <div className="wb-Actions">
        <CommandButton
          commands={room.commands}
          id={CommandIDs.describeData}
          args={{
            path,
            owner: card?.owner ?? '',
            purpose: card?.purpose ?? '',
            data_class: card?.data_class ?? '',
            retention: card?.retention ?? ''
          }}
          label={trans.__('Describe…')}
          testId="wb-data-describe"
        />
      </div>
    </Part>
  );
}

/** What a data card says, what it does not say yet, and what it says wrongly. */
function CardFacts(props: { room: IRoom; card: IDataCard }): JSX.Element {
  const { card } = props;
  const { trans } = props.room;
  const said: readonly (readonly [label: string, text: string])[] = [
    [trans.__('Owner'), card.owner],
    [trans.__('Purpose'), card.purpose],
    [trans.__('Class'), classWord(card.data_class, trans)],
    [trans.__('Retention'), card.retention],
    [trans.__('Sharing'), card.sharing],
    [trans.__('Contact'), card.contact]
  ];
  const unsaid = said.filter(([, text]) => text.trim() === '');
  const wrong = card.problems.filter(text => !text.endsWith(MISSING));
  return (
    <>
      <Facts items={said} />
      {unsaid.length + wrong.length > 0 && (
        <ul className="wb-Needed">
          {unsaid.length > 0 && (
            <li>
              {trans.__(
                'Not said yet: %1',
                unsaid.map(([label]) => label).join(', ')
              )}
            </li>
          )}
          {wrong.map(problem => (
            <li key={problem}>{problem}</li>
          ))}
        </ul>
      )}
    </>
  );
}

/** Its versions, the newest first. */
function Log(props: {
  room: IRoom;
  versions: readonly IDatasetVersion[];
}): JSX.Element {
  const { room, versions } = props;
  const { trans, locale, commands } = room;
  return (
    <Part title={trans.__('Versions')} testId="wb-data-log">
      <Table
        label={trans.__('Versions')}
        items={versions}
        keyOf={version => version.id}
        isSelected={version => version.is_current}
        columns={[
          {
            key: 'digest',
            label: trans.__('Version'),
            track: 'max-content',
            render: version => <Digest digest={version.digest} room={room} />
          },
          {
            key: 'at',
            label: trans.__('When'),
            track: 'max-content',
            render: version => (
              <RelativeTime iso={version.created_at} locale={locale} />
            )
          },
          {
            key: 'actor',
            label: trans.__('By'),
            track: 'minmax(6em, 1fr)',
            render: version => version.actor
          },
          {
            key: 'message',
            label: trans.__('Message'),
            track: 'minmax(8em, 2fr)',
            render: version => (
              <span title={version.message}>{version.message}</span>
            )
          },
          {
            key: 'rows',
            label: trans.__('Rows'),
            track: 'max-content',
            align: 'end',
            render: version => formatFigure(version.rows, locale)
          },
          {
            key: 'actions',
            label: '',
            track: 'max-content',
            render: version => (
              <span className="wb-Actions">
                {before(versions, version) && (
                  <CommandButton
                    commands={commands}
                    id={CommandIDs.diffData}
                    args={{
                      before: before(versions, version)!.id,
                      after: version.id
                    }}
                    label={trans.__('Differences')}
                    about={version.id}
                    testId="wb-data-diff"
                  />
                )}
                {version.is_current ? (
                  trans.__('In the folder')
                ) : (
                  <CommandButton
                    commands={commands}
                    id={CommandIDs.restoreData}
                    args={{ version: version.id }}
                    label={trans.__('Restore')}
                    about={version.id}
                    testId="wb-data-restore"
                  />
                )}
              </span>
            )
          }
        ]}
      />
    </Part>
  );
}

function before(
  versions: readonly IDatasetVersion[],
  version: IDatasetVersion
): IDatasetVersion | undefined {
  return versions[versions.indexOf(version) + 1];
}
