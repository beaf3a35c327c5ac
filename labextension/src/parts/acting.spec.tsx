import type { Dialog } from '@jupyterlab/apputils';
import { act } from 'react';
import { ProblemError } from '../api/problem';
import { ActingDialog } from './acting';

const refusal = new ProblemError({
  code: 'self-approval',
  message: 'Who asked does not decide',
  hint: 'ask another reviewer',
  status: 403
});

interface IOpened {
  readonly dialog: ActingDialog<string>;
  readonly result: Promise<Dialog.IResult<string>>;
  readonly sign: HTMLButtonElement;
  type(text: string): Promise<void>;
  /** Press the button that acts, or the one before it. */
  press(index?: number): Promise<void>;
}

async function open(
  does: (value: string) => Promise<unknown>
): Promise<IOpened> {
  let say: (value: string) => void = () => undefined;
  const dialog = new ActingDialog<string>({
    title: 'Sign',
    cancelLabel: 'Cancel',
    actLabel: 'Sign it',
    initial: '',
    form: (value, onChange, problem) => {
      say = onChange;
      return (
        <p>
          {value}
          {problem?.message}
        </p>
      );
    },
    isReady: value => value.length > 2,
    act: does
  });
  const result = dialog.launch();
  const settle = (): Promise<void> =>
    act(() => new Promise(done => setTimeout(done, 30)));
  await settle();
  return {
    dialog,
    result,
    sign: dialog.node.querySelector<HTMLButtonElement>('.jp-mod-accept')!,
    type: async text => {
      say(text);
      await settle();
    },
    press: async (index = 1) => {
      await act(() => Promise.resolve(dialog.resolve(index)));
      await settle();
    }
  };
}

describe('ActingDialog', () => {
  it('acts only when there is enough to act on, and closes when it is done', async () => {
    const done: string[] = [];
    const opened = await open(value => Promise.resolve(done.push(value)));
    expect(opened.sign.disabled).toBe(true);
    await opened.press();
    expect(done).toEqual([]);
    await opened.type('yes');
    expect(opened.sign.disabled).toBe(false);
    await opened.press();
    expect(done).toEqual(['yes']);
    expect((await opened.result).button.accept).toBe(true);
    expect(opened.dialog.isDisposed).toBe(true);
  });

  it('stays open with the reason where it is refused, and can be tried again', async () => {
    let isRefused = true;
    const opened = await open(() =>
      isRefused ? Promise.reject(refusal) : Promise.resolve()
    );
    await opened.type('yes');
    await opened.press();
    expect(opened.dialog.isDisposed).toBe(false);
    expect(opened.dialog.node.textContent).toContain(refusal.message);
    expect(opened.dialog.node.textContent).toContain('yes');
    expect(opened.sign.disabled).toBe(false);
    isRefused = false;
    await opened.press();
    expect(opened.dialog.isDisposed).toBe(true);
  });

  it('does nothing where somebody thinks better of it', async () => {
    const done: string[] = [];
    const opened = await open(value => Promise.resolve(done.push(value)));
    await opened.type('yes');
    await opened.press(0);
    expect((await opened.result).button.accept).toBe(false);
    expect(done).toEqual([]);
  });
});
