import { render } from '../testing/render';
import {
  formatAgo,
  formatBytes,
  formatDuration,
  formatFigure,
  shortDigest
} from './figures';
import { PLAIN_ROWS, Rows } from './rows';
import { sparklinePath } from './sparkline';
import { Table } from './table';

describe('figures', () => {
  it.each([
    [0.978612, '0.9786'],
    [29458, '29,458'],
    [null, '–'],
    [0.00001234, '1.234E-5']
  ])('writes %s as %s', (value, text) => {
    expect(formatFigure(value, 'en')).toBe(text);
  });

  it.each([
    [0.42, '0.4s'],
    [96.6, '1m 37s'],
    [7800, '2h 10m'],
    [null, '–']
  ])('writes %s seconds as %s', (value, text) => {
    expect(formatDuration(value)).toBe(text);
  });

  it('speaks the language of the user', () => {
    const now = Date.parse('2026-11-20T10:05:00Z');
    expect(formatAgo('2026-11-20T10:00:00Z', now, 'en')).toBe('5m ago');
    expect(formatAgo('2026-11-20T10:00:00Z', now, 'ja')).toBe('5分前');
    expect(formatAgo('', now, 'en')).toBe('');
    expect(formatBytes(1_234_567, 'en')).toBe('1.23 MB');
  });

  it('shortens a digest without its algorithm', () => {
    expect(shortDigest('sha256:0123456789abcdef')).toBe('0123456789ab');
  });
});

describe('Rows', () => {
  const items = (count: number): { id: string }[] =>
    Array.from({ length: count }, (_, index) => ({ id: `r${index}` }));

  it('has one stop in the tab order and moves in it', async () => {
    const opened: string[] = [];
    const chosen: string[] = [];
    const view = await render(
      <Rows
        items={items(3)}
        label="Rows"
        estimate={40}
        testId="rows"
        keyOf={item => item.id}
        onOpen={item => opened.push(item.id)}
        onToggle={item => chosen.push(item.id)}
        render={item => item.id}
      />
    );
    const row = (id: string): HTMLElement =>
      view.node.querySelector(`[data-key=${id}]`)!;
    const stops = (): string[] =>
      [...view.node.querySelectorAll<HTMLElement>('[tabindex="0"]')].map(
        node => node.dataset['key']!
      );
    expect(stops()).toEqual(['r0']);
    await view.press(row('r0'), 'ArrowDown');
    expect(stops()).toEqual(['r1']);
    await view.press(row('r1'), 'End');
    await view.press(row('r2'), 'Enter');
    await view.press(row('r2'), ' ');
    expect(opened).toEqual(['r2']);
    expect(chosen).toEqual(['r2']);
  });

  it('mounts only what is seen of ten thousand', async () => {
    const view = await render(
      <Rows
        items={items(10_000)}
        label="Rows"
        estimate={40}
        testId="rows"
        keyOf={item => item.id}
        render={item => item.id}
      />
    );
    const mounted = view.node.querySelectorAll('[role=row]').length;
    expect(mounted).toBeLessThan(PLAIN_ROWS);
    expect(view.get('rows').getAttribute('aria-rowcount')).toBe('10000');
  });
});

describe('Table', () => {
  it('names its columns and aligns numbers to the end', async () => {
    const view = await render(
      <Table
        label="Metrics"
        testId="table"
        items={[{ name: 'f1', value: 1 }]}
        keyOf={item => item.name}
        columns={[
          { key: 'n', label: 'Name', track: '1fr', render: item => item.name },
          {
            key: 'v',
            label: 'Value',
            track: 'auto',
            align: 'end',
            render: item => item.value
          }
        ]}
      />
    );
    const headers = [...view.node.querySelectorAll('[role=columnheader]')];
    expect(headers.map(node => node.textContent)).toEqual(['Name', 'Value']);
    expect(
      view.node.querySelector('[role=cell][data-align=end]')?.textContent
    ).toBe('1');
  });
});

describe('sparklinePath', () => {
  it('leaves a gap where a value is missing', () => {
    expect(sparklinePath([0, 1, null, 1])).toBe('M2 22L40.67 2M118 2');
  });

  it('draws a flat line without dividing by nothing', () => {
    expect(sparklinePath([5, 5])).toBe('M2 22L118 22');
  });
});
