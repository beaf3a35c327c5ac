import { shareHeight } from './sizes';

describe('shareHeight', () => {
  it('gives each what it needs, and the last one the rest', () => {
    expect(shareHeight([100, null, 200], 500)).toEqual([100, 0, 400]);
  });

  it('lets the small ones keep theirs where there is too little', () => {
    expect(shareHeight([100, 1000, 800, null], 500)).toEqual([
      100, 200, 200, 0
    ]);
  });

  it('keeps an empty section visible', () => {
    expect(shareHeight([0, 1000], 500)).toEqual([72, 428]);
  });

  it('has nothing to share where all are closed', () => {
    expect(shareHeight([null, null], 500)).toEqual([0, 0]);
  });
});
