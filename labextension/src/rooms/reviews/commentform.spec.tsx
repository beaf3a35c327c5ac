import { review } from '../../testing/cards';
import type { IRendered } from '../../testing/render';
import { render } from '../../testing/render';
import { testRoom } from '../../testing/room';
import { CommentForm } from './commentform';

const draft = {
  review: 'rv-1',
  verdict: 'comment',
  namespace: 'mlops-workbench.comment',
  at: '2026-11-20T12:30:00+00:00',
  digest: 'sha256:d',
  text: '{"_type":"https://in-toto.io/Statement/v1"}'
} as const;

describe('the form of a comment', () => {
  const form = async (reason: string): Promise<IRendered> =>
    render(
      <CommentForm
        review={review()}
        on="check:metric"
        said={{ reason, at: '', shown: '' }}
        room={await testRoom({ 'review draft': draft })}
        problem={null}
        onChange={() => undefined}
      />
    );

  it('shows what will be signed once there is something to say', async () => {
    expect((await form('  ')).has('wb-statement')).toBe(false);
    const view = await form('why?');
    await view.act(() => new Promise(done => setTimeout(done, 20)));
    expect(view.get('wb-statement').textContent).toBe(draft.text);
  });
});
