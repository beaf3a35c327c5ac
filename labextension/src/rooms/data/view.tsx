import type { IDatasetVersion } from '../../api/contract';
import { CommandIDs } from '../../model/commands';
import type { IRoom } from '../../model/tokens';
import { CommandButton } from '../../parts/button';
import { Empty } from '../../parts/empty';
import { formatBytes, formatFigure, shortDigest } from '../../parts/figures';
import { Glyph } from '../../parts/glyph';
import { Rows } from '../../parts/rows';
import { Section } from '../../parts/section';
import { RelativeTime } from '../../parts/time';
import { Sources } from './folders';

/** What teaches the first dataset version. */
const FIRST_VERSION = `%load_ext workbench
%mlops data snapshot data/readings.csv -m "first delivery"`;

/** The dataset versions, as the server orders them. */
export function DataView(props: { room: IRoom }): JSX.Element {
  const { room } = props;
  const { trans, commands } = room;
  return (
    <Section
      lists={[room.workbench.data]}
      foot={<Sources room={room} />}
      empty={
        <Empty
          room={room}
          testId="wb-data-empty"
          text={trans.__(
            'A dataset version fixes the bytes that a result rests on, so that you can come back to them.'
          )}
          cell={FIRST_VERSION}
        />
      }
    >
      {() => (
        <Rows
          items={room.workbench.data.value ?? []}
          label={trans.__('Dataset versions')}
          estimate={44}
          testId="wb-data-rows"
          keyOf={version => version.id}
          onOpen={version =>
            void commands.execute(CommandIDs.openData, { path: version.path })
          }
          render={(version, tabIndex) => (
            <VersionLine room={room} version={version} tabIndex={tabIndex} />
          )}
        />
      )}
    </Section>
  );
}

function VersionLine(props: {
  room: IRoom;
  version: IDatasetVersion;
  tabIndex: 0 | -1;
}): JSX.Element {
  const { room, version, tabIndex } = props;
  const { trans, locale, commands } = room;
  const figures = [
    version.rows === null
      ? trans._n('%1 file', '%1 files', version.files)
      : trans.__('%1 rows', formatFigure(version.rows, locale)),
    formatBytes(version.size, locale)
  ].join(' · ');
  return (
    <div className="wb-Line">
      <Glyph
        tone={version.is_current ? 'good' : 'idle'}
        label={
          version.is_current
            ? trans.__('In the working folder')
            : trans.__('Not in the working folder')
        }
      />
      <span
        className="wb-Row-name"
        title={`${version.path}\n${version.digest}`}
      >
        {version.path}
        <span className="wb-Row-version">
          {shortDigest(version.digest).slice(0, 7)}
        </span>
      </span>
      <RelativeTime iso={version.created_at} locale={locale} />
      <span
        className={version.is_current ? 'wb-Row-note wb-Span' : 'wb-Row-note'}
        title={version.message}
      >
        {figures}
        {version.message && ` · ${version.message}`}
      </span>
      {!version.is_current && (
        <CommandButton
          commands={commands}
          id={CommandIDs.restoreData}
          args={{ version: version.id }}
          label={trans.__('Restore')}
          about={version.id}
          testId="wb-data-restore"
          tabIndex={tabIndex}
        />
      )}
    </div>
  );
}
