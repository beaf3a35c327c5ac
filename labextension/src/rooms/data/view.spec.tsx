import { CommandIDs } from '../../model/commands';
import { dataset } from '../../testing/cards';
import { render } from '../../testing/render';
import { testRoom } from '../../testing/room';
import { DataView } from './view';

describe('DataView', () => {
  it('teaches where there is nothing yet', async () => {
    const view = await render(<DataView room={await testRoom()} />);
    expect(view.get('wb-data-empty').textContent).toContain(
      '%mlops data snapshot'
    );
  });

  it('shows rows, size and message, and restores what is not in the folder', async () => {
    const old = dataset({
      id: 'data/train.csv@old',
      is_current: false,
      rows: null,
      files: 3
    });
    const room = await testRoom({ data: [dataset(), old] });
    const view = await render(<DataView room={room} />);
    const text = view.get('wb-data-rows').textContent;
    expect(text).toContain('29,458 rows · 1.23 MB · first delivery');
    expect(text).toContain('3 files');
    await view.click('wb-data-restore');
    expect(room.executed).toEqual([
      [CommandIDs.restoreData, { version: old.id }]
    ]);
  });

  it('shows a problem above what is known', async () => {
    const room = await testRoom({ data: [dataset()] });
    const view = await render(<DataView room={room} />);
    room.client.answers.data = new Error('the disk is gone');
    await view.act(() => room.workbench.data.refresh());
    expect(view.get('wb-problem').textContent).toContain('the disk is gone');
    expect(view.has('wb-data-rows')).toBe(true);
  });
});
