import type {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ILayoutRestorer } from '@jupyterlab/application';
import { WidgetTracker } from '@jupyterlab/apputils';
import type { ILineage } from '../api/contract';
import { CommandIDs } from '../model/commands';
import { IWorkbench } from '../model/tokens';
import { addActions } from './actions';
import { textOf } from './args';
import type { Tab } from './tab';

/** Opens lineages as tabs. */
export const lineagePlugin: JupyterFrontEndPlugin<void> = {
  id: '@mlops-workbench/labextension:lineage',
  description: 'Shows what something was made from and what was made from it.',
  autoStart: true,
  requires: [IWorkbench],
  optional: [ILayoutRestorer],
  activate: (
    app: JupyterFrontEnd,
    shared: IWorkbench,
    restorer: ILayoutRestorer | null
  ): void => {
    const { workbench, trans } = shared;
    const { commands, shell } = app;
    const tabs = new WidgetTracker<Tab<ILineage>>({
      namespace: 'mlops-workbench-lineages'
    });
    addActions(commands, shared, [
      {
        id: CommandIDs.openLineage,
        label: trans.__('Show lineage'),
        caption: trans.__('What it was made from and what was made from it'),
        args: { id: trans.__('A run, dataset version, model, review or file') },
        run: async args => {
          const id = textOf(args, 'id');
          const { openTab } = await import('./tab');
          const { LineageView } = await import('../rooms/lineage/view');
          await openTab(shell, tabs, shared, {
            id: `mlops-workbench-lineage-${id}`,
            label: trans.__('Lineage'),
            nouns: ['run', 'data', 'review', 'release'],
            args: { id },
            fetch: () => workbench.call('lineage', { id }),
            view: lineage => <LineageView room={shared} lineage={lineage} />
          });
        }
      }
    ]);
    void restorer?.restore(tabs, {
      command: CommandIDs.openLineage,
      args: tab => tab.args,
      name: tab => tab.id
    });
  }
};
