import type { Event } from '@jupyterlab/services';
import { Signal } from '@lumino/signaling';
import { changedSchemaId } from '../api/contract';
import { ProblemError } from '../api/problem';
import { job, run, status } from '../testing/cards';
import { MemoryClient } from '../testing/room';
import { Feed } from './feed';
import { contentsPath, projectFolder, projectPath } from './location';
import { declaredParameters } from './parameters';
import { Resource } from './resource';
import { Workbench } from './workbench';

const problem = (code: string): ProblemError =>
  new ProblemError({ code, message: code, hint: '', status: 404 });

const sleep = (milliseconds: number): Promise<void> =>
  new Promise(done => setTimeout(done, milliseconds));

describe('Resource', () => {
  it('emits only when the answer says something else, and keeps its identity', async () => {
    let answer = [{ id: 1 }];
    const resource = new Resource(() => Promise.resolve(answer));
    const emitted = jest.fn();
    resource.changed.connect(emitted);
    await resource.refresh();
    const first = resource.value;
    answer = [{ id: 1 }];
    await resource.refresh();
    expect(resource.value).toBe(first);
    expect(emitted).toHaveBeenCalledTimes(1);
    answer = [{ id: 2 }];
    await resource.refresh();
    expect(emitted).toHaveBeenCalledTimes(2);
  });

  it('keeps the last good answer beside a problem', async () => {
    let isBroken = false;
    const resource = new Resource(() =>
      isBroken ? Promise.reject(problem('disk-full')) : Promise.resolve([1])
    );
    await resource.refresh();
    isBroken = true;
    await resource.refresh();
    expect(resource.value).toEqual([1]);
    expect(resource.problem?.code).toBe('disk-full');
  });

  it('asks once more, not in parallel, when asked while asking', async () => {
    let count = 0;
    const resource = new Resource(async () => {
      await sleep(5);
      return ++count;
    });
    await Promise.all([
      resource.refresh(),
      resource.refresh(),
      resource.refresh()
    ]);
    expect(count).toBe(2);
    expect(resource.value).toBe(2);
  });

  it('drops an answer of the project before', async () => {
    let give: (value: number) => void = () => undefined;
    const resource = new Resource(
      () => new Promise<number>(done => (give = done))
    );
    const asking = resource.refresh();
    resource.clear();
    give(1);
    await asking;
    expect(resource.value).toBeNull();
  });
});

describe('Workbench', () => {
  it('is ready where server, version and project are right', async () => {
    const workbench = new Workbench(new MemoryClient({ runs: [run()] }));
    await workbench.refresh();
    expect(workbench.screen.kind).toBe('ready');
    expect(workbench.runs.value).toHaveLength(1);
  });

  it('tells a missing server, another version and a missing project apart', async () => {
    const client = new MemoryClient();
    const workbench = new Workbench(client);
    client.greeting = problem('server-missing');
    await workbench.refresh();
    expect(workbench.screen.kind).toBe('server-missing');
    client.greeting = { version: '9.9.9', server_ok: true };
    await workbench.refresh();
    expect(workbench.screen).toMatchObject({
      kind: 'version-mismatch',
      server: '9.9.9'
    });
    client.greeting = new MemoryClient().greeting;
    client.answers = { status: problem('project-missing') };
    await workbench.refresh();
    expect(workbench.screen).toEqual({ kind: 'project-missing', folder: '' });
    expect(client.count('runs')).toBe(0);
  });

  it('forgets everything of the project before', async () => {
    const client = new MemoryClient({ runs: [run()] });
    const workbench = new Workbench(client);
    await workbench.refresh();
    workbench.selection.toggle('run-1');
    client.answers = {
      status: status({ root: '/srv/other' }),
      runs: problem('x')
    };
    await workbench.locate('other');
    expect(workbench.runs.value).toBeNull();
    expect(workbench.selection.ids).toEqual([]);
    expect(client.calls.at(-1)?.location).toBe('other');
  });

  it('reads only what a change names', async () => {
    const client = new MemoryClient();
    const workbench = new Workbench(client);
    await workbench.refresh();
    client.calls.length = 0;
    await workbench.refreshNouns(new Set(['review'] as const));
    // What is decided on a review can make a release red, so releases are read too; runs and data are not.
    expect(client.calls.map(call => call.words).sort()).toEqual([
      'releases',
      'reviews',
      'status'
    ]);
  });

  it('lets a move during the first question win', async () => {
    const client = new MemoryClient();
    const workbench = new Workbench(client);
    const asking = workbench.refresh();
    void workbench.locate('elsewhere');
    await asking;
    expect(workbench.screen.kind).toBe('ready');
    expect(
      client.calls.filter(call => call.words === 'status').at(-1)?.location
    ).toBe('elsewhere');
  });
});

describe('Feed', () => {
  function feedOf(client: MemoryClient): {
    feed: Feed;
    emit: (event: object) => void;
  } {
    const workbench = new Workbench(client);
    const signal = new Signal<Event.IManager, Event.Emission>(
      {} as Event.IManager
    );
    const feed = new Feed(workbench, signal as unknown as Event.Stream);
    return { feed, emit: event => signal.emit(event as Event.Emission) };
  }
  const change = {
    schema_id: changedSchemaId,
    root: status().root,
    nouns: ['run'],
    seq: 8
  };

  it('asks nothing before it starts, and then gathers a burst into one question', async () => {
    const client = new MemoryClient();
    const { feed, emit } = feedOf(client);
    expect(client.calls).toHaveLength(0);
    await feed.start();
    const before = client.count('runs');
    for (let seq = 0; seq < 20; seq++) {
      emit({ ...change, seq });
    }
    await sleep(600);
    expect(client.count('runs') - before).toBe(1);
    feed.dispose();
  });

  it.each([10, 100, 280])(
    'reads what changes while it is reading, %i ms after the first change',
    async late => {
      const client = new MemoryClient();
      const call = client.call.bind(client);
      jest.spyOn(client, 'call').mockImplementation(async (...asked) => {
        await sleep(100);
        return call(...asked);
      });
      const { feed, emit } = feedOf(client);
      await feed.start();
      const before = client.count('releases');
      emit(change);
      await sleep(250 + late);
      emit({ ...change, nouns: ['release'] });
      await sleep(800);
      expect(client.count('releases') - before).toBe(1);
      feed.dispose();
    }
  );

  it('leaves aside other projects and other schemas', async () => {
    const client = new MemoryClient();
    const { feed, emit } = feedOf(client);
    await feed.start();
    const before = client.calls.length;
    emit({ ...change, root: '/srv/other' });
    emit({ ...change, schema_id: 'https://events.jupyter.org/kernel' });
    await sleep(400);
    expect(client.calls).toHaveLength(before);
    feed.dispose();
  });
});

describe('location', () => {
  it.each([
    ['/srv/work/shuttle', 'shuttle/notebooks/a.ipynb', 'shuttle'],
    ['/srv/work/shuttle', 'notebooks/a.ipynb', ''],
    ['/srv/work/a/b', 'a/b/c', 'a/b'],
    ['/srv', '', '']
  ])('finds the folder of %s from %s', (root, location, folder) => {
    expect(projectFolder(root, location)).toBe(folder);
  });

  it('goes there and back', () => {
    expect(
      contentsPath('/srv/shuttle', 'shuttle/notebooks', 'data/x.csv')
    ).toBe('shuttle/data/x.csv');
    expect(projectPath('/srv/shuttle', 'shuttle/notebooks/a.ipynb')).toBe(
      'notebooks/a.ipynb'
    );
  });
});

describe('declaredParameters', () => {
  it('reads the assignments of the tagged cell', () => {
    const source = [
      '# comment',
      'depth = 6  # of each tree',
      'name: str = "a # b"',
      'print(depth == 6)',
      'shares = [0.6, 0.2]'
    ].join('\n');
    expect(
      declaredParameters([
        { tags: [], source: 'x = 1' },
        { tags: ['parameters'], source }
      ])
    ).toEqual([
      { name: 'depth', value: '6', comment: 'of each tree' },
      { name: 'name', value: '"a # b"', comment: '' },
      { name: 'shares', value: '[0.6, 0.2]', comment: '' }
    ]);
  });

  it('is empty without such a cell', () => {
    expect(declaredParameters([{ tags: [], source: 'x = 1' }])).toEqual([]);
  });
});

it('counts a live job as busy', async () => {
  const workbench = new Workbench(
    new MemoryClient({ status: status({ open_jobs: 1 }), jobs: [job()] })
  );
  await workbench.refresh();
  expect(workbench.isBusy).toBe(true);
});
