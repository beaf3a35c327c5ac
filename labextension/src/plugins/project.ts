import type {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { Clipboard, ICommandPalette, Notification } from '@jupyterlab/apputils';
import { IDocumentManager } from '@jupyterlab/docmanager';
import { CommandIDs } from '../model/commands';
import { contentsPath } from '../model/location';
import { IWorkbench } from '../model/tokens';
import { attempt } from '../parts/notify';
import { textOf } from './args';

/** The project as a whole: make one, open its files, write its report. */
export const projectPlugin: JupyterFrontEndPlugin<void> = {
  id: '@mlops-workbench/labextension:project',
  description:
    'Commands about the project: create it, open a file, write the report.',
  autoStart: true,
  requires: [IWorkbench],
  optional: [IDocumentManager, ICommandPalette],
  activate: (
    app: JupyterFrontEnd,
    shared: IWorkbench,
    documents: IDocumentManager | null,
    palette: ICommandPalette | null
  ): void => {
    const { workbench, trans, locale } = shared;
    const { commands } = app;

    const open = (file: string): void => {
      const root = workbench.status?.root ?? '';
      documents?.openOrReveal(contentsPath(root, workbench.location, file));
    };

    commands.addCommand(CommandIDs.createProject, {
      label: trans.__('Create a project in this folder'),
      caption: trans.__(
        'Writes workbench.toml, a policy and sample notebooks; overwrites nothing'
      ),
      execute: args =>
        attempt(trans, async () => {
          const made = await workbench.call('init', {
            folder: '.',
            template: textOf(args, 'template', 'shuttle')
          });
          await workbench.refresh();
          Notification.success(
            trans._n('%1 file written', '%1 files written', made.files.length)
          );
        }),
      describedBy: {
        args: {
          type: 'object',
          properties: {
            template: {
              type: 'string',
              description: trans.__('Name of the template: shuttle or blank')
            }
          }
        }
      }
    });

    commands.addCommand(CommandIDs.openFile, {
      label: trans.__('Open a file of the project'),
      isEnabled: () => documents !== null && workbench.status !== null,
      execute: args => open(textOf(args, 'file')),
      describedBy: {
        args: {
          type: 'object',
          properties: {
            file: {
              type: 'string',
              description: trans.__('Path relative to the project')
            }
          },
          required: ['file']
        }
      }
    });

    commands.addCommand(CommandIDs.copyText, {
      label: trans.__('Copy text'),
      execute: args => Clipboard.copyToSystem(textOf(args, 'text')),
      describedBy: {
        args: {
          type: 'object',
          properties: {
            text: { type: 'string', description: trans.__('What is copied') }
          },
          required: ['text']
        }
      }
    });

    commands.addCommand(CommandIDs.writeReport, {
      label: trans.__('Write the project report'),
      caption: trans.__(
        'One HTML page about runs, reviews, releases and drift'
      ),
      isEnabled: () => workbench.status !== null,
      execute: () =>
        attempt(trans, async () => {
          const report = await workbench.call('report', {
            language: locale.startsWith('ja') ? 'ja' : 'en'
          });
          open(report.path);
        }),
      describedBy: { args: { type: 'object', properties: {} } }
    });

    const category = trans.__('MLOps Workbench');
    palette?.addItem({ command: CommandIDs.createProject, category });
    palette?.addItem({ command: CommandIDs.writeReport, category });
    workbench.changed.connect(() => commands.notifyCommandChanged());
  }
};
