import type {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ILayoutRestorer } from '@jupyterlab/application';
import type { ILineage } from '../api/contract';
import { CommandIDs } from '../model/commands';
import { IWorkbench } from '../model/tokens';
import { textOf } from './args';
import { addTabs } from './tabs';

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
    addTabs<ILineage>(app, shared, restorer, {
      namespace: 'lineages',
      id: CommandIDs.openLineage,
      label: trans.__('Show lineage'),
      caption: trans.__('What it was made from and what was made from it'),
      args: { id: trans.__('A run, dataset version, model, review or file') },
      show: async args => {
        const id = textOf(args, 'id');
        const { LineageView } = await import('../rooms/lineage/view');
        return {
          id: `mlops-workbench-lineage-${id}`,
          label: trans.__('Lineage'),
          nouns: ['run', 'data', 'review', 'release'],
          args: { id },
          fetch: () => workbench.call('lineage', { id }),
          view: lineage => <LineageView room={shared} lineage={lineage} />
        };
      }
    });
  }
};
