import type { CommandRegistry } from '@lumino/commands';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';
import type { MouseEvent } from 'react';
import { useIsEnabled } from './hooks';

/** What a button may be told. */
export interface ICommandButtonProps {
  readonly commands: CommandRegistry;
  /** The command it runs. */
  readonly id: string;
  /** The command's arguments. */
  readonly args?: ReadonlyPartialJSONObject;
  /** Its word. */
  readonly label: string;
  /** What it is about, for those who hear only the button. */
  readonly about?: string;
  /** `accept` for the one thing to do here, `warn` for what cannot be taken back. */
  readonly kind?: 'plain' | 'accept' | 'warn';
  /** Hook for tests. */
  readonly testId?: string;
  readonly tabIndex?: number;
}

/** A button that runs a command; it is off where the command is. */
export function CommandButton(props: ICommandButtonProps): JSX.Element {
  const { commands, id, args, kind = 'plain' } = props;
  const isEnabled = useIsEnabled(commands, id, args);
  const onClick = (event: MouseEvent): void => {
    event.stopPropagation();
    void commands.execute(id, args);
  };
  return (
    <button
      type="button"
      className="wb-Button"
      data-kind={kind}
      data-testid={props.testId}
      disabled={!isEnabled}
      tabIndex={props.tabIndex}
      title={commands.hasCommand(id) ? commands.caption(id, args) : undefined}
      aria-label={props.about ? `${props.label}: ${props.about}` : undefined}
      onClick={onClick}
    >
      {props.label}
    </button>
  );
}
