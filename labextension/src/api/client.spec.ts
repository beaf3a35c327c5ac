import { ServerConnection } from '@jupyterlab/services';
import { Client } from './client';
import { ProblemError, localCodes } from './problem';

/** A client whose requests end in `answer`; what was asked is kept. */
function clientOf(answer: () => Promise<Response>): {
  client: Client;
  asked: Request[];
} {
  const asked: Request[] = [];
  const settings = ServerConnection.makeSettings({
    baseUrl: 'http://localhost:8888/base/',
    fetch: (input: RequestInfo, init?: RequestInit) => {
      asked.push(new Request(input, init));
      return answer();
    }
  });
  return { client: new Client(settings, 'ja'), asked };
}

const json = (body: unknown, status = 200): Promise<Response> =>
  Promise.resolve(new Response(JSON.stringify(body), { status }));

describe('Client', () => {
  it('asks with GET for what only reads, and repeats lists', async () => {
    const { client, asked } = clientOf(() => json([]));
    await client.call('runs compare', { runs: ['a', 'b c'] }, 'work/x.ipynb');
    expect(asked[0]?.method).toBe('GET');
    expect(asked[0]?.url).toBe(
      'http://localhost:8888/base/mlops-workbench/api/runs/compare?location=work%2Fx.ipynb&runs=a&runs=b+c'
    );
  });

  it('adds nothing to the query that no verb has', async () => {
    const { client, asked } = clientOf(() => json([]));
    await client.call('status', {}, 'work');
    expect(new URL(asked[0]!.url).search).toBe('?location=work');
  });

  it('asks for the language that the panel is shown in', async () => {
    const { client, asked } = clientOf(() => json({}));
    await client.call('status', {}, 'work');
    await client.call('run', { notebook: 'n.ipynb' }, '');
    const asking = asked.map(item => item.headers.get('Accept-Language'));
    expect(asking).toEqual(['ja', 'ja']);
  });

  it('posts parameters as JSON for what changes something', async () => {
    const { client, asked } = clientOf(() => json({}));
    await client.call('run', { notebook: 'n.ipynb', params: { a: '1' } }, '');
    expect(asked[0]?.method).toBe('POST');
    expect(await asked[0]?.json()).toEqual({
      notebook: 'n.ipynb',
      params: { a: '1' }
    });
  });

  it('turns problem+json into a ProblemError', async () => {
    const problem = {
      code: 'run-unknown',
      message: 'There is none',
      hint: 'mlops runs',
      status: 404
    };
    const { client } = clientOf(() => json(problem, 404));
    const error = await client
      .call('runs show', { run: 'x' }, '')
      .catch((e: unknown) => e);
    expect(error).toBeInstanceOf(ProblemError);
    expect(error).toMatchObject(problem);
  });

  it('knows a server without the extension by a 404 that is no problem', async () => {
    const { client } = clientOf(() => json({ message: 'Not Found' }, 404));
    await expect(client.hello()).rejects.toMatchObject({
      code: localCodes.serverMissing
    });
  });

  it('says that the server does not answer', async () => {
    const { client } = clientOf(() => Promise.reject(new TypeError('refused')));
    await expect(client.hello()).rejects.toMatchObject({
      code: localCodes.unreachable
    });
  });

  it('survives an answer that is no JSON', async () => {
    const { client } = clientOf(() =>
      Promise.resolve(
        new Response('<html>', { status: 502, statusText: 'Bad Gateway' })
      )
    );
    await expect(client.hello()).rejects.toMatchObject({
      code: localCodes.unexpected,
      message: 'Bad Gateway',
      status: 502
    });
  });
});
