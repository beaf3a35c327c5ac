import type { LabIcon } from '@jupyterlab/ui-components';
import type { CommandRegistry } from '@lumino/commands';
import type {
  ReadonlyJSONObject,
  ReadonlyPartialJSONObject
} from '@lumino/coreutils';
import type { ChangedNoun } from '../api/contract';
import type { IWorkbench } from '../model/tokens';
import { attempt } from '../parts/notify';

/** An argument: what it means; a list of texts where it stands in brackets. */
type Argument = string | readonly [string];

/** One thing that can be done: a row of a plugin's table. */
export interface IAction {
  readonly id: string;
  readonly label: string;
  readonly caption?: string;
  readonly icon?: LabIcon;
  /** Arguments that are needed. */
  readonly args?: Readonly<Record<string, Argument>>;
  /** Arguments that may be left out. */
  readonly options?: Readonly<Record<string, Argument>>;
  /** What is read again afterwards. */
  readonly changes?: readonly ChangedNoun[];
  isEnabled?(args: ReadonlyPartialJSONObject): boolean;
  run(args: ReadonlyPartialJSONObject): Promise<unknown>;
}

/** Make commands of a table: an error becomes a toast, and what an action changes is read again even then. */
export function addActions(
  commands: CommandRegistry,
  shared: IWorkbench,
  actions: readonly IAction[]
): void {
  for (const action of actions) {
    commands.addCommand(action.id, {
      label: action.label,
      caption: action.caption,
      icon: action.icon,
      isEnabled: args => action.isEnabled?.(args) ?? true,
      execute: async args => {
        await attempt(shared.trans, () => action.run(args));
        if (action.changes) {
          await shared.workbench.refreshNouns(new Set(action.changes));
        }
      },
      describedBy: {
        args: {
          type: 'object',
          properties: Object.fromEntries(
            Object.entries({ ...action.args, ...action.options }).map(
              ([name, argument]) => [name, described(argument)]
            )
          ),
          required: Object.keys(action.args ?? {})
        }
      }
    });
  }
}

function described(argument: Argument): ReadonlyJSONObject {
  return typeof argument === 'string'
    ? { type: 'string', description: argument }
    : { type: 'array', items: { type: 'string' }, description: argument[0] };
}
