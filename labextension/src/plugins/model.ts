import type {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import type { FileBrowser } from '@jupyterlab/filebrowser';
import { IDefaultFileBrowser } from '@jupyterlab/filebrowser';
import { INotebookTracker } from '@jupyterlab/notebook';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { Client } from '../api/client';
import { Feed } from '../model/feed';
import { IWorkbench } from '../model/tokens';
import { Workbench } from '../model/workbench';

/** Provides the project that the user stands in; the last one to move, notebook or file browser, decides where. */
export const modelPlugin: JupyterFrontEndPlugin<IWorkbench> = {
  id: '@mlops-workbench/labextension:model',
  description: 'Provides the MLOps project that the user stands in.',
  autoStart: true,
  provides: IWorkbench,
  optional: [ITranslator, IDefaultFileBrowser, INotebookTracker],
  activate: (
    app: JupyterFrontEnd,
    translator: ITranslator | null,
    browser: FileBrowser | null,
    notebooks: INotebookTracker | null
  ): IWorkbench => {
    const language = translator ?? nullTranslator;
    const words = language.languageCode.startsWith('ja') ? 'ja' : 'en';
    const workbench = new Workbench(
      new Client(app.serviceManager.serverSettings, words),
      words
    );
    const { contents, events } = app.serviceManager;
    const localPath = (path: string): string => contents.localPath(path);
    const locate = (path: string): void => {
      void workbench.locate(localPath(path));
    };
    browser?.model.pathChanged.connect((_, change) => locate(change.newValue));
    notebooks?.currentChanged.connect((_, panel) => {
      if (panel) {
        locate(panel.context.path);
      }
    });
    return {
      workbench,
      feed: new Feed(workbench, events.stream),
      localPath,
      commands: app.commands,
      trans: language.load('mlops_workbench'),
      locale: language.languageCode.replace('_', '-')
    };
  }
};
