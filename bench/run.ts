import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Entry, Figure, Measured, Scale, Scenario, Stage } from './scenario.ts';
import { median } from './support/figures.ts';
import { type BenchSystem, startBenchSystem, untilStopped } from './support/system.ts';

interface RunOptions {
  scale: Scale;
  rounds?: number | undefined;
  /** What `--set` said. */
  settings?: ReadonlyMap<string, string>;
  /** Where plots go. */
  plots: string;
  say: (line: string) => void;
}

/** The figures a person reads: four digits that count. */
const readable = (value: number): number => Number(value.toPrecision(4));

const medianOf = (values: readonly number[] | undefined): number | null =>
  values?.length ? readable(median(values)) : null;

const aimOf = ({ aim: { value } }: Figure, scale: Scale): number =>
  typeof value === 'number' ? value : value[scale];

/** The entry of a figure, its ratio taken round by round: what else runs on the machine then meets both sides. */
export const entryOf = (figure: Figure, measured: Measured, scale: Scale): Entry => {
  const { name, unit, against } = figure;
  const { of, want } = figure.aim;
  const { ours, rival, limit, notes } = measured;
  const other = against === undefined ? (limit ?? rival) : measured[against];
  const ratios = ours.flatMap((value, round) => {
    const theirs = other?.[round];
    return theirs ? [value / theirs] : [];
  });
  const judged = of === 'ours' ? ours : ratios;
  const reached = judged.length > 0 ? median(judged) : Number.NaN;
  const aim = aimOf(figure, scale);
  return {
    ...{ name, unit, ours: medianOf(ours), rival: medianOf(rival), limit: medianOf(limit) },
    ratio: medianOf(ratios),
    spread: judged.length > 0 ? [readable(Math.min(...judged)), readable(Math.max(...judged))] : null,
    ...{ aim, of, want },
    met: want === '>=' ? reached >= aim : reached <= aim,
    rounds: ours.length,
    ...(notes && { notes }),
  };
};

const failed = (figure: Figure, scale: Scale, error: string): Entry => ({
  ...entryOf(figure, { ours: [] }, scale),
  error,
});

/** Play a scenario. One that fails gives entries that say why; what it started is gone in any case. */
export const playScenario = async (scenario: Scenario, options: RunOptions): Promise<Entry[]> => {
  const { scale, settings = new Map<string, string>(), say } = options;
  const systems: BenchSystem[] = [];
  const closers: (() => Promise<void>)[] = [];
  const stage: Stage = {
    ...{ scale, say, rounds: options.rounds ?? (scale === 'l' ? 7 : 3) },
    size(name, values) {
      const size = Number(settings.get(name) ?? values[scale]);
      if (!Number.isFinite(size)) throw new Error(`--set ${name} must be a number`);
      return size;
    },
    choice(name, values) {
      const wanted = settings.get(name) ?? values[0];
      const found = values.find((value) => value === wanted);
      if (found === undefined) throw new Error(`--set ${name} must be one of ${values.join(', ')}`);
      return found;
    },
    given: (name) => settings.get(name),
    async startSystem(env) {
      const system = await startBenchSystem(env, settings.get('profile'));
      systems.push(system);
      closers.push(system.stop);
      return system;
    },
    async folder() {
      const folder = await mkdtemp(join(tmpdir(), 'zyra-bench-'));
      closers.push(untilStopped(() => rm(folder, { recursive: true, force: true })));
      return folder;
    },
    async writePlot(name, svg) {
      const file = join(options.plots, `${name}.svg`);
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, svg);
      say(`plot: ${file}`);
    },
  };
  try {
    const found = await scenario.run(stage);
    return scenario.figures.map((figure) => entryOf(figure, found[figure.name] ?? { ours: [] }, scale));
  } catch (error) {
    const { stack, message } = error as Error;
    say(`failed: ${stack}`);
    for (const system of systems) say(`the last of its log:\n${await system.tail()}`);
    return scenario.figures.map((figure) => failed(figure, scale, message));
  } finally {
    for (const close of closers.reverse())
      await close().catch((error: Error) => say(`not ended in order: ${error.message}`));
  }
};
