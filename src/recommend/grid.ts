import type { Parameters } from './parameters.ts';

/** What a grid may go over, by the names it is written with. `alpha` is of the hybrid lists and has no model. */
const axes: Readonly<Record<string, (from: Parameters, value: number | null) => Parameters>> = {
  power: (from, value) => ({ ...from, signals: { ...from.signals, power: value ?? 0 } }),
  disliked: (from, value) => ({ ...from, signals: { ...from.signals, disliked: value ?? 0 } }),
  'half-life': (from, value) => ({ ...from, signals: { ...from.signals, halfLifeDays: value } }),
  b: (from, value) => ({ ...from, local: { ...from.local, b: value ?? 0 } }),
  a: (from, value) => ({ ...from, local: { ...from.local, a: value ?? 0 } }),
  c: (from, value) => ({ ...from, local: { ...from.local, c: value ?? 0 } }),
  q: (from, value) => ({ ...from, local: { ...from.local, q: value ?? 1 } }),
  filter: (from, value) => ({ ...from, lowRank: { ...from.lowRank, filter: value ?? 0 } }),
  share: (from, value) => ({ ...from, lowRankShare: value ?? 0 }),
};

export const axisNames = Object.keys(axes);

export interface GridPoint {
  name: string;
  parameters: Parameters;
}

/** @throws RangeError saying what is wrong with the text. */
export const parseGrid = (text: string): Map<string, (number | null)[]> => {
  const grid = new Map<string, (number | null)[]>();
  for (const part of text.split(';').filter((one) => one.trim() !== '')) {
    const [name = '', list = ''] = part.split('=').map((one) => one.trim());
    if (!(name in axes)) throw new RangeError(`${name} is no parameter; there are ${axisNames.join(', ')}`);
    const values = list.split(',').map((value) => (value.trim() === 'none' ? null : Number(value)));
    if (list === '' || values.some((value) => Number.isNaN(value)))
      throw new RangeError(`${name} needs numbers, as in ${name}=0.3,0.5`);
    if (name !== 'half-life' && values.includes(null)) throw new RangeError(`only half-life can be none`);
    grid.set(name, values);
  }
  if (grid.size === 0) throw new RangeError('it names no parameter');
  return grid;
};

/** Every combination. What is dear to change changes least often. */
export const gridPoints = (
  grid: ReadonlyMap<string, readonly (number | null)[]>,
  start: Parameters,
): GridPoint[] => {
  let points: { names: string[]; parameters: Parameters }[] = [{ names: [], parameters: start }];
  for (const [name, change] of Object.entries(axes)) {
    const values = grid.get(name);
    if (!values) continue;
    points = points.flatMap(({ names, parameters }) =>
      values.map((value) => ({
        names: [...names, `${name} ${value ?? 'none'}`],
        parameters: change(parameters, value),
      })),
    );
  }
  return points.map(({ names, parameters }) => ({ name: names.join(', '), parameters }));
};
