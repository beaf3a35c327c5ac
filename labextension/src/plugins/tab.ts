import type { JupyterFrontEnd } from '@jupyterlab/application';
import type { WidgetTracker } from '@jupyterlab/apputils';
import { MainAreaWidget } from '@jupyterlab/apputils';
import type { ReactElement } from 'react';
import type { ChangedNoun } from '../api/contract';
import { Resource } from '../model/resource';
import type { IWorkbench } from '../model/tokens';
import { workbenchIcon } from '../parts/icons';
import { ViewWidget } from '../parts/widget';

/** What a main-area tab needs. */
export interface ITabOptions<T> {
  /** Unique; a tab that is open already is shown again. */
  readonly id: string;
  readonly label: string;
  /** What makes it read again. */
  readonly nouns: readonly ChangedNoun[];
  /** The arguments of the command that opened it, for the layout's restorer. */
  readonly args: Readonly<Record<string, string>>;
  fetch(): Promise<T>;
  view(resource: Resource<T>): ReactElement;
}

/** A main-area tab that remembers which command opened it. */
export class Tab<T> extends MainAreaWidget<ViewWidget> {
  /**
   * @param shared What all plugins share.
   * @param options What it shows.
   */
  constructor(shared: IWorkbench, options: ITabOptions<T>) {
    const resource = new Resource(() => options.fetch());
    super({ content: new ViewWidget(options.view(resource), 'wb-Tab') });
    this.id = options.id;
    this.args = options.args;
    this.title.label = options.label;
    this.title.icon = workbenchIcon;
    this.title.closable = true;
    this._resource = resource;
    this._shared = shared;
    this._nouns = options.nouns;
    shared.workbench.refreshed.connect(this._onRefreshed, this);
    void resource.refresh();
  }

  /** The arguments of the command that opened it. */
  readonly args: Readonly<Record<string, string>>;

  /** What it shows. */
  get resource(): Resource<T> {
    return this._resource;
  }

  override dispose(): void {
    if (!this.isDisposed) {
      this._shared.workbench.refreshed.disconnect(this._onRefreshed, this);
      this._resource.dispose();
      super.dispose();
    }
  }

  private _onRefreshed(_: unknown, nouns: ReadonlySet<ChangedNoun>): void {
    if (this._nouns.some(noun => nouns.has(noun))) {
      void this._resource.refresh();
    }
  }

  private readonly _shared: IWorkbench;
  private readonly _resource: Resource<T>;
  private readonly _nouns: readonly ChangedNoun[];
}

/** Open a tab, or show it again where it is open already. */
export async function openTab<T>(
  shell: JupyterFrontEnd.IShell,
  tabs: WidgetTracker<Tab<T>>,
  shared: IWorkbench,
  options: ITabOptions<T>
): Promise<void> {
  if (!tabs.find(tab => tab.id === options.id)) {
    const tab = new Tab(shared, options);
    shell.add(tab, 'main');
    await tabs.add(tab);
  }
  shell.activateById(options.id);
}
