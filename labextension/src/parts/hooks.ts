import type { CommandRegistry } from '@lumino/commands';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';
import type { ISignal } from '@lumino/signaling';
import { useCallback, useEffect, useReducer, useState } from 'react';

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
