import { completed, completionsAt } from './completion';

const WORDS = {
  metrics: ['f1', 'val f1'],
  params: ['depth'],
  values: {
    state: ['RUNNING', 'FINISHED'],
    source: ['notebooks/my model.ipynb']
  }
};
const at = (text: string): readonly string[] =>
  completionsAt(text, text.length, WORDS).items;

describe('completionsAt', () => {
  it('offers fields where a comparison begins, found by their name alone too', () => {
    expect(at('f1')).toEqual(['metrics.f1']);
    expect(at('state = FINISHED AND par')).toEqual(['parent', 'params.depth']);
    expect(at('NOT (val')).toEqual(['metrics.`val f1`']);
    expect(at('metrics.`va')).toEqual(['metrics.`val f1`']);
  });

  it('offers operators, values and joiners in their places', () => {
    expect(at('metrics.f1 ')).toContain('>=');
    expect(at('metrics.`val f1` > ')).toEqual([]);
    expect(at('state = F')).toEqual(['FINISHED']);
    expect(at('source ~ n')).toEqual([]);
    expect(at('source = ')).toEqual(['"notebooks/my model.ipynb"']);
    expect(at('metrics.f1 > 0.9 ')).toEqual(['AND', 'OR']);
  });
});

it('a completion takes the place of the word and leaves the rest', () => {
  expect(completed('f1 > 0.9', 2, 0, 'metrics.f1')).toEqual({
    text: 'metrics.f1 > 0.9',
    caret: 10
  });
  expect(completed('st', 2, 0, 'state')).toEqual({ text: 'state ', caret: 6 });
});
