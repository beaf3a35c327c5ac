import type { ILayoutRestorer, JupyterFrontEnd } from '@jupyterlab/application';
import { WidgetTracker } from '@jupyterlab/apputils';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';
import type { IWorkbench } from '../model/tokens';
import type { IAction } from './actions';
import { addActions } from './actions';
import type { ITabOptions, Tab } from './tab';

/** A kind of tab: the command that opens one, and what it shows. */
export interface ITabKind<T> extends Omit<IAction, 'run' | 'changes'> {
  /** Name under which the layout remembers them. */
  readonly namespace: string;
  /** Whether a layout that is restored opens them again; those that hold what was chosen for the moment are not. */
  readonly isKept?: boolean;
  /** Loads the view and says what it shows. */
  show(args: ReadonlyPartialJSONObject): Promise<ITabOptions<T>>;
}

/** Add a command that opens tabs of one kind, and bring back those that a layout remembers. */
export function addTabs<T>(
  app: JupyterFrontEnd,
  shared: IWorkbench,
  restorer: ILayoutRestorer | null,
  kind: ITabKind<T>
): void {
  const { namespace, isKept = true, show, ...action } = kind;
  const tabs = new WidgetTracker<Tab<T>>({
    namespace: `mlops-workbench-${namespace}`
  });
  addActions(app.commands, shared, [
    {
      ...action,
      run: async args => {
        const { openTab } = await import('./tab');
        await openTab(app.shell, tabs, shared, await show(args));
      }
    }
  ]);
  if (isKept) {
    void restorer?.restore(tabs, {
      command: kind.id,
      args: tab => tab.args,
      name: tab => tab.id
    });
  }
}
