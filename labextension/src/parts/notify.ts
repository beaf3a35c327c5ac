import { Dialog, Notification, showDialog } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import { asProblem } from '../api/problem';

/** JupyterLab cuts a toast's text here. */
const TOAST_LENGTH = 140;

/** Show an error as a toast: message, hint and code; where they are too long for one, all of it on demand. */
export function notifyProblem(error: unknown, trans: TranslationBundle): void {
  const { message, hint, code } = asProblem(error);
  const text = [message, hint && `→ ${hint}`, `[${code}]`]
    .filter(Boolean)
    .join('\n');
  const details = {
    label: trans.__('Details'),
    callback: () => {
      void showDialog({
        title: code,
        body: [message, hint].filter(Boolean).join('\n\n'),
        buttons: [Dialog.okButton({ label: trans.__('Close') })]
      });
    }
  };
  const tail = `[${code}]`;
  const short =
    text.length <= TOAST_LENGTH
      ? text
      : `${text.slice(0, TOAST_LENGTH - tail.length - 2)}…\n${tail}`;
  Notification.error(short, {
    autoClose: false,
    actions: text.length > TOAST_LENGTH ? [details] : []
  });
}

/**
 * Carry out what a user asked for; a problem becomes a toast.
 *
 * @returns What it returned, or undefined where it failed.
 */
export async function attempt<T>(
  trans: TranslationBundle,
  action: () => Promise<T>
): Promise<T | undefined> {
  try {
    return await action();
  } catch (error) {
    notifyProblem(error, trans);
    return undefined;
  }
}
