import type {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ILayoutRestorer } from '@jupyterlab/application';
import {
  Dialog,
  ICommandPalette,
  Notification,
  showDialog
} from '@jupyterlab/apputils';
import type { IDataDiff } from '../api/contract';
import { CommandIDs } from '../model/commands';
import { IWorkbench } from '../model/tokens';
import { addActions } from './actions';
import { textOf, textsOf } from './args';
import { addTabs } from './tabs';

/** Fields of a data card that the panel asks for; the rest is written in its file. */
const CARD = ['owner', 'purpose', 'data_class', 'retention'] as const;

/** Records, restores, describes and compares data; runs what makes it. */
export const dataPlugin: JupyterFrontEndPlugin<void> = {
  id: '@mlops-workbench/labextension:data',
  description: 'Records, restores, describes and compares dataset versions.',
  autoStart: true,
  requires: [IWorkbench],
  optional: [ILayoutRestorer, ICommandPalette],
  activate: (
    app: JupyterFrontEnd,
    shared: IWorkbench,
    restorer: ILayoutRestorer | null,
    palette: ICommandPalette | null
  ): void => {
    const { workbench, trans, locale } = shared;
    const version = trans.__('Id of the dataset version');
    const path = trans.__('Path relative to the project');

    addTabs<null>(app, shared, restorer, {
      namespace: 'data',
      id: CommandIDs.openData,
      label: trans.__('Open dataset'),
      args: { path },
      show: async args => {
        const file = textOf(args, 'path');
        const { DataDetailView } = await import('../rooms/data/detail');
        return {
          id: `mlops-workbench-data-${file}`,
          label: file.split('/').at(-1) ?? file,
          nouns: [],
          args: { path: file },
          fetch: () => Promise.resolve(null),
          view: () => <DataDetailView room={shared} path={file} />
        };
      }
    });
    addTabs<IDataDiff>(app, shared, restorer, {
      namespace: 'data-diffs',
      id: CommandIDs.diffData,
      label: trans.__('Show what changed between two dataset versions'),
      caption: trans.__('Columns, rows, distributions'),
      args: { before: version, after: version },
      show: async args => {
        const before = textOf(args, 'before');
        const after = textOf(args, 'after');
        const { DataDiffView } = await import('../rooms/data/diff');
        return {
          id: `mlops-workbench-data-diff-${before}-${after}`,
          label: trans.__('Differences'),
          nouns: [],
          args: { before, after },
          fetch: () => workbench.call('data diff', { before, after }),
          view: diff => <DataDiffView room={shared} diff={diff} />
        };
      }
    });
    addActions(app.commands, shared, [
      {
        id: CommandIDs.recordData,
        label: trans.__('Record a dataset version…'),
        caption: trans.__('Fix the bytes of a file or folder with DVC'),
        isEnabled: () => workbench.status !== null,
        options: { path },
        changes: ['data', 'run'],
        run: async args => {
          const { askTexts } = await import('../parts/texts');
          const asked = await askTexts(
            trans,
            trans.__('Record a dataset version'),
            trans.__('Record'),
            [
              { name: 'path', label: trans.__('File or folder') },
              { name: 'message', label: trans.__('Message') }
            ],
            { path: textOf(args, 'path') }
          );
          if (asked?.['path']) {
            const [made] = await workbench.call('data snapshot', {
              paths: [asked['path']],
              message: asked['message'] ?? ''
            });
            Notification.success(
              trans.__('Recorded %1', made?.id ?? asked['path'])
            );
          }
        }
      },
      {
        id: CommandIDs.restoreData,
        label: trans.__('Restore a dataset version'),
        caption: trans.__('Put these bytes back into the working folder'),
        args: { version },
        changes: ['data'],
        run: async args => {
          const wanted = textOf(args, 'version');
          const answer = await showDialog({
            title: trans.__('Restore this dataset version?'),
            body: trans.__(
              '%1 takes the place of the file in the working folder.',
              wanted
            ),
            buttons: [
              Dialog.cancelButton({ label: trans.__('Cancel') }),
              Dialog.okButton({ label: trans.__('Restore') })
            ]
          });
          if (answer.button.accept) {
            await workbench.call('data restore', { version: wanted });
          }
        }
      },
      {
        id: CommandIDs.describeData,
        label: trans.__('Describe a dataset…'),
        caption: trans.__('Whose data it is, what for and of which class'),
        args: { path },
        options: Object.fromEntries(CARD.map(name => [name, name])),
        changes: ['data'],
        run: async args => {
          const { askTexts } = await import('../parts/texts');
          const asked = await askTexts(
            trans,
            trans.__('Data card'),
            trans.__('Save'),
            [
              { name: 'owner', label: trans.__('Owner') },
              { name: 'purpose', label: trans.__('Purpose') },
              {
                name: 'data_class',
                label: trans.__(
                  'Class (public, internal, confidential or personal)'
                )
              },
              { name: 'retention', label: trans.__('Retention') }
            ],
            Object.fromEntries(CARD.map(name => [name, textOf(args, name)]))
          );
          if (asked) {
            await workbench.call('data describe', {
              path: textOf(args, 'path'),
              ...asked,
              language: locale.startsWith('ja') ? 'ja' : 'en'
            });
          }
        }
      },
      {
        id: CommandIDs.ingestData,
        label: trans.__('Take what has arrived in a watched folder'),
        options: { name: trans.__('Name of the watch; by default all') },
        changes: ['data'],
        run: async args => {
          const reports = await workbench.call('ingest', {
            name: textOf(args, 'name')
          });
          const taken = reports.flatMap(report => report.taken).length;
          Notification.success(
            trans._n('%1 file taken', '%1 files taken', taken)
          );
        }
      },
      {
        id: CommandIDs.runPipeline,
        label: trans.__('Run stale stages'),
        caption: trans.__('Only what has changed is run again'),
        options: { stages: [trans.__('Only these stages')] },
        changes: ['project', 'job'],
        run: args =>
          workbench.call('pipeline run', { stages: textsOf(args, 'stages') })
      }
    ]);

    palette?.addItem({
      command: CommandIDs.recordData,
      category: trans.__('MLOps Workbench')
    });
  }
};
