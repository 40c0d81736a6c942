import { expect, test } from 'vitest';
import { gridPoints, parseGrid } from './grid.ts';
import { defaultParameters, parameters } from './parameters.ts';

test('a grid has every combination, each a valid set of parameters, and the dear ones change least often', () => {
  const points = gridPoints(parseGrid('share=0,1; half-life=none,30 ;b=0.5,1'), defaultParameters);
  expect(points.map(({ name }) => name)).toEqual([
    'half-life none, b 0.5, share 0',
    'half-life none, b 0.5, share 1',
    'half-life none, b 1, share 0',
    'half-life none, b 1, share 1',
    'half-life 30, b 0.5, share 0',
    'half-life 30, b 0.5, share 1',
    'half-life 30, b 1, share 0',
    'half-life 30, b 1, share 1',
  ]);
  for (const point of points) expect(() => parameters.parse(point.parameters)).not.toThrow();
  expect(points[6]?.parameters).toEqual({
    ...defaultParameters,
    signals: { ...defaultParameters.signals, halfLifeDays: 30 },
    local: { ...defaultParameters.local, b: 1 },
    lowRankShare: 0,
  });
});

test('what is no grid is refused in words', () => {
  const wrong = {
    '': 'no parameter',
    'x=1': 'x is no parameter',
    'b=': 'b needs numbers',
    'b=none': 'only half-life',
  };
  for (const [text, words] of Object.entries(wrong)) expect(() => parseGrid(text)).toThrow(words);
});
