import { useState } from 'react';
import type { ILineage, ILineageNode } from '../../api/contract';
import { CommandIDs } from '../../model/commands';
import type { Resource } from '../../model/resource';
import type { IRoom } from '../../model/tokens';
import { Page } from '../../parts/page';
import { Table } from '../../parts/table';
import { RelativeTime } from '../../parts/time';
import { LineageGraph } from './graph';
import { layout, neighbours } from './layout';
import { kindWord } from './words';

/** What something was made from and what was made from it, as a graph or as a list. */
export function LineageView(props: {
  room: IRoom;
  lineage: Resource<ILineage>;
}): JSX.Element {
  const { room, lineage } = props;
  const { trans } = room;
  const [isList, setIsList] = useState(false);
  return (
    <Page resource={lineage} isWide>
      {value => (
        <>
          <header className="wb-Tab-header">
            <h1>{trans.__('Lineage of %1', labelOf(value))}</h1>
            <button
              type="button"
              className="wb-Button"
              aria-pressed={isList}
              data-testid="wb-lineage-list-toggle"
              onClick={() => setIsList(!isList)}
            >
              {isList ? trans.__('Show as graph') : trans.__('Show as list')}
            </button>
          </header>
          {!value.is_complete && (
            <p className="wb-Warning">
              {trans.__('There is more; only the newest part is shown.')}
            </p>
          )}
          {isList ? (
            <LineageList room={room} lineage={value} />
          ) : (
            <LineageGraph
              room={room}
              lineage={value}
              onOpen={node => openNode(room, node)}
            />
          )}
        </>
      )}
    </Page>
  );
}

function labelOf(lineage: ILineage): string {
  const start = lineage.nodes.find(node => node.id === lineage.start);
  return start?.label ?? lineage.start;
}

/** The same for those who hear it: one line for each thing, in the order in which data flows. */
function LineageList(props: { room: IRoom; lineage: ILineage }): JSX.Element {
  const { room, lineage } = props;
  const { trans, locale } = room;
  const before = neighbours(lineage.edges, true);
  const labels = new Map(lineage.nodes.map(node => [node.id, node.label]));
  return (
    <Table
      label={trans.__('Lineage')}
      testId="wb-lineage-list"
      items={layout(lineage)}
      keyOf={place => place.node.id}
      isSelected={place => place.node.id === lineage.start}
      columns={[
        {
          key: 'kind',
          label: trans.__('Kind'),
          track: 'max-content',
          render: place => kindWord(place.node.kind, trans)
        },
        {
          key: 'name',
          label: trans.__('Name'),
          track: 'minmax(10em, 2fr)',
          render: place => (
            <button
              type="button"
              className="wb-Link"
              title={place.node.name}
              onClick={() => openNode(room, place.node)}
            >
              {place.node.label}
            </button>
          )
        },
        {
          key: 'from',
          label: trans.__('Made from'),
          track: 'minmax(10em, 2fr)',
          render: place => {
            const text = (before.get(place.node.id) ?? [])
              .map(id => labels.get(id) ?? id)
              .join(', ');
            return <span title={text}>{text || '–'}</span>;
          }
        },
        {
          key: 'at',
          label: trans.__('When'),
          track: 'max-content',
          render: place => <RelativeTime iso={place.node.at} locale={locale} />
        }
      ]}
    />
  );
}

/** Open a thing where it has a tab or a file; else show what hangs together with it. */
function openNode(room: IRoom, node: ILineageNode): void {
  const path = node.name.split('@')[0] ?? '';
  const commands: Record<string, readonly [string, Record<string, string>]> = {
    run: [CommandIDs.openRun, { run: node.name }],
    dataset: [CommandIDs.openData, { path }],
    review: [CommandIDs.openReview, { review: node.name }],
    notebook: [CommandIDs.openFile, { file: path }],
    file: [CommandIDs.openFile, { file: path }]
  };
  const [id, args] = commands[node.kind] ?? [
    CommandIDs.openLineage,
    { id: node.id }
  ];
  void room.commands.execute(id, args);
}
