import type { ReactElement } from 'react';
import { act } from 'react';
import { createRoot } from 'react-dom/client';

/** A view in a real DOM. */
export interface IRendered {
  readonly node: HTMLElement;
  /** Return the one element with this test id. */
  get(testId: string): HTMLElement;
  /** Return whether there is one. */
  has(testId: string): boolean;
  /** Let something happen and wait until it is drawn. */
  act(action: () => unknown): Promise<void>;
  click(testId: string): Promise<void>;
  press(element: Element, key: string): Promise<void>;
}

/** Render with react-dom into the document. */
export async function render(view: ReactElement): Promise<IRendered> {
  const node = document.createElement('div');
  document.body.append(node);
  const root = createRoot(node);
  await act(() => Promise.resolve(root.render(view)));
  const find = (testId: string): HTMLElement | null =>
    node.querySelector(`[data-testid="${testId}"]`);
  const rendered: IRendered = {
    node,
    has: testId => find(testId) !== null,
    get: testId => {
      const found = find(testId);
      if (!found) {
        throw new Error(
          `nothing has the test id ${testId}:\n${node.innerHTML}`
        );
      }
      return found;
    },
    act: action =>
      act(async () => {
        await action();
      }),
    click: testId => rendered.act(() => rendered.get(testId).click()),
    press: (element, key) =>
      rendered.act(() =>
        element.dispatchEvent(
          new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true })
        )
      )
  };
  return rendered;
}
