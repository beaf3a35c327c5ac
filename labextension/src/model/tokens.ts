import { Token } from '@lumino/coreutils';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { CommandRegistry } from '@lumino/commands';
import type { Feed } from './feed';
import type { Workbench } from './workbench';

/** What every view stands on. */
export interface IRoom {
  /** The project. */
  readonly workbench: Workbench;
  /** What can be done. */
  readonly commands: CommandRegistry;
  /** Words in the user's language. */
  readonly trans: TranslationBundle;
  /** The user's language as the browser names it (`ja-JP`). */
  readonly locale: string;
}

/** What the plugins share: the room's ground, and what keeps it in step. */
export interface IWorkbench extends IRoom {
  /** Keeps the project in step with the server once somebody looks. */
  readonly feed: Feed;
  /** Return a contents path without its drive. */
  localPath(path: string): string;
}

/** Token of what the plugins share. */
export const IWorkbench = new Token<IWorkbench>(
  '@mlops-workbench/labextension:IWorkbench',
  'The MLOps project that the user stands in.'
);
