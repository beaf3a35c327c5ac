import { nullTranslator } from '@jupyterlab/translation';
import { CommandRegistry } from '@lumino/commands';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';
import type { IClient } from '../api/client';
import type {
  IHello,
  IVerbParams,
  IVerbResults,
  VerbWords
} from '../api/contract';
import { asProblem } from '../api/problem';
import { panelVersion } from '../api/version';
import { CommandIDs } from '../model/commands';
import type { IRoom } from '../model/tokens';
import { Workbench } from '../model/workbench';
import { status } from './cards';

/** What the server answers to each verb: a value, or an error that is thrown. */
export type Answers = { [V in VerbWords]?: IVerbResults[V] | Error };

/** A server in the test's own memory; it keeps account of what it was asked. */
export class MemoryClient implements IClient {
  constructor(public answers: Answers = {}) {}

  greeting: IHello | Error = { version: panelVersion, server_ok: true };

  readonly calls: {
    words: VerbWords;
    params: unknown;
    location: string;
  }[] = [];

  hello(): Promise<IHello> {
    return settle(this.greeting);
  }

  call<V extends VerbWords>(
    words: V,
    params: IVerbParams[V],
    location: string
  ): Promise<IVerbResults[V]> {
    this.calls.push({ words, params, location });
    const fallback = words === 'status' ? status() : [];
    return settle((this.answers[words] ?? fallback) as IVerbResults[V] | Error);
  }

  /** How often a verb was called. */
  count(words: VerbWords): number {
    return this.calls.filter(call => call.words === words).length;
  }
}

function settle<T>(answer: T | Error): Promise<T> {
  return answer instanceof Error
    ? Promise.reject(asProblem(answer))
    : Promise.resolve(answer);
}

/** A room with a server in memory and commands that only note that they were called. */
export interface ITestRoom extends IRoom {
  readonly client: MemoryClient;
  readonly executed: [id: string, args: ReadonlyPartialJSONObject][];
}

/** Return a room that has read everything once. */
export async function testRoom(answers: Answers = {}): Promise<ITestRoom> {
  const client = new MemoryClient(answers);
  const workbench = new Workbench(client);
  const commands = new CommandRegistry();
  const executed: ITestRoom['executed'] = [];
  for (const id of Object.values(CommandIDs)) {
    commands.addCommand(id, {
      execute: args => {
        executed.push([id, args]);
      }
    });
  }
  await workbench.refresh();
  return {
    workbench,
    commands,
    client,
    executed,
    trans: nullTranslator.load('mlops_workbench'),
    locale: 'en'
  };
}
