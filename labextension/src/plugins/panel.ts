import type {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ILayoutRestorer } from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { CommandIDs } from '../model/commands';
import { IWorkbench } from '../model/tokens';
import { workbenchIcon } from '../parts/icons';
import { WorkbenchPanel } from '../rooms/panel';

/** Puts the panel into the left bar. */
export const panelPlugin: JupyterFrontEndPlugin<void> = {
  id: '@mlops-workbench/labextension:panel',
  description:
    'The side panel: runs, data, targets, reviews, releases, monitor.',
  autoStart: true,
  requires: [IWorkbench],
  optional: [ILayoutRestorer, ICommandPalette],
  activate: (
    app: JupyterFrontEnd,
    shared: IWorkbench,
    restorer: ILayoutRestorer | null,
    palette: ICommandPalette | null
  ): void => {
    const { trans, feed, workbench } = shared;
    const panel = new WorkbenchPanel(shared);
    panel.title.icon = workbenchIcon;
    panel.title.caption = trans.__('MLOps Workbench');
    panel.shown.connect(() => void feed.start());
    restorer?.add(panel, panel.id);
    app.shell.add(panel, 'left', { rank: 450, type: 'MLOps Workbench' });

    app.commands.addCommand(CommandIDs.showPanel, {
      label: trans.__('Show the MLOps panel'),
      caption: trans.__('Show runs, data, reviews and releases'),
      icon: workbenchIcon,
      execute: () => app.shell.activateById(panel.id),
      describedBy: { args: { type: 'object', properties: {} } }
    });
    app.commands.addCommand(CommandIDs.refresh, {
      label: trans.__('Refresh the MLOps panel'),
      caption: trans.__('Ask the server for everything again'),
      execute: () => workbench.refresh(),
      describedBy: { args: { type: 'object', properties: {} } }
    });
    const category = trans.__('MLOps Workbench');
    palette?.addItem({ command: CommandIDs.showPanel, category });
    palette?.addItem({ command: CommandIDs.refresh, category });
  }
};
