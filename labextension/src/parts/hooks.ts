import type { CommandRegistry } from '@lumino/commands';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';
import type { ISignal } from '@lumino/signaling';
import { useCallback, useEffect, useMemo, useReducer, useState } from 'react';
import type { ChangedNoun } from '../api/contract';
import { Resource } from '../model/resource';
import type { Workbench } from '../model/workbench';

/** Render again whenever one of the models says that it changed. */
export function useModels(
  ...models: readonly { readonly changed: ISignal<unknown, unknown> }[]
): void {
  const [, again] = useReducer((count: number) => count + 1, 0);
  useEffect(() => {
    const slot = (): void => again();
    models.forEach(model => model.changed.connect(slot));
    // What changed between the first rendering and here is not missed.
    again();
    return () => models.forEach(model => model.changed.disconnect(slot));
    // eslint-disable-next-line react-hooks/exhaustive-deps -- the models themselves are the dependencies
  }, models);
}

/** Whether a command can be used now; follows the registry. */
export function useIsEnabled(
  commands: CommandRegistry,
  id: string,
  args?: ReadonlyPartialJSONObject
): boolean {
  // Arguments are compared by what they say: views make them anew each time.
  const said = JSON.stringify(args ?? {});
  const ask = useCallback(
    () =>
      commands.hasCommand(id) &&
      commands.isEnabled(id, JSON.parse(said) as ReadonlyPartialJSONObject),
    [commands, id, said]
  );
  const [isEnabled, setIsEnabled] = useState(ask);
  useEffect(() => {
    const slot = (): void => setIsEnabled(ask());
    slot();
    commands.commandChanged.connect(slot);
    return () => {
      commands.commandChanged.disconnect(slot);
    };
  }, [commands, ask]);
  return isEnabled;
}

/** The time now, renewed every half minute, for what shows how long ago something was. */
export function useNow(): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = window.setInterval(() => setNow(Date.now()), 30_000);
    return () => window.clearInterval(timer);
  }, []);
  return now;
}

/**
 * Ask the server for something that only one view needs.
 *
 * @param workbench Tells when to ask again.
 * @param nouns What makes it ask again.
 * @param key Says what is asked; with another key it is another question.
 * @param ask Asks.
 */
export function useAnswer<T>(
  workbench: Workbench,
  nouns: readonly ChangedNoun[],
  key: string,
  ask: () => Promise<T>
): Resource<T> {
  // eslint-disable-next-line react-hooks/exhaustive-deps -- the key says what is asked
  const answer = useMemo(() => new Resource(ask), [key]);
  useEffect(() => {
    const slot = (_: unknown, changed: ReadonlySet<ChangedNoun>): void => {
      if (nouns.some(noun => changed.has(noun))) {
        void answer.refresh();
      }
    };
    void answer.refresh();
    workbench.refreshed.connect(slot);
    return () => {
      workbench.refreshed.disconnect(slot);
      answer.dispose();
    };
    // eslint-disable-next-line react-hooks/exhaustive-deps -- nouns are written where they are passed
  }, [answer, workbench]);
  useModels(answer);
  return answer;
}
