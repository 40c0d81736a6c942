import { type Config, Env } from '../config.ts';
import { createEmbedders } from '../embeddings/embedders.ts';
import { createLog } from '../log.ts';
import { type Compared, compareTypes } from '../recommend/compare-types.ts';
import { prepareExamination } from '../recommend/evaluate.ts';
import { type GridPoint, gridPoints, parseGrid } from '../recommend/grid.ts';
import { fitModel } from '../recommend/model.ts';
import { defaultParameters } from '../recommend/parameters.ts';
import type { Signals } from '../recommend/signals.ts';
import { type Split, splitSignals } from '../recommend/split.ts';
import { splitAt, splitBy } from '../recommend/split-at.ts';
import { withCompute } from '../recommend/train.ts';
import { createTrial } from '../recommend/trial.ts';
import { objective, tune } from '../recommend/tune.ts';
import { defaultAlpha } from '../serving/user-list.ts';
import { findConfig, withDatabase } from './connection.ts';
import { type EvaluationData, loadFromDatabase, loadFromFiles, loadLater } from './evaluate-data.ts';
import { CommandError, UsageError } from './failure.ts';
import { showProgress } from './progress.ts';
import { printTable } from './table.ts';

export interface EvaluateOptions {
  events?: string[];
  test?: string;
  at?: string;
  database?: string;
  k: number;
  users: number;
  seed: number;
  budget: number;
  content: boolean;
  grid?: string | true;
  json?: boolean;
}

const defaultGrid = 'b=0.5,0.75,1;c=0.2,0.35,0.5;share=0,0.35,0.7';
const alphas = [0.2, 0.4, defaultAlpha, 0.8];

const figures = ['recall', 'ndcg', 'map', 'coverage', 'novelty'] as const;

const print = (rows: readonly Compared[], k: number): void =>
  printTable(
    ['', `recall@${k}`, `NDCG@${k}`, `MAP@${k}`, 'coverage', 'novelty'],
    rows.map((row) => [
      row.name,
      ...figures.map((name) => row.figures[name].toFixed(name === 'novelty' ? 2 : 4)),
    ]),
  );

/** Weights and models are those of the system, if there is one. */
const findSettings = async (): Promise<
  Pick<Config, 'EVENT_WEIGHTS' | 'KNOWN_EVENT_TYPES' | 'EMBEDDER' | 'EMBEDDING_MODEL_PATH' | 'ARTIFACTS_DIR'>
> => {
  try {
    return (await findConfig()).config;
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    return Env.pick({
      EVENT_WEIGHTS: true,
      KNOWN_EVENT_TYPES: true,
      EMBEDDER: true,
      EMBEDDING_MODEL_PATH: true,
      ARTIFACTS_DIR: true,
    }).parse({});
  }
};

const split = async (data: EvaluationData, options: EvaluateOptions): Promise<Split> => {
  const drawing = { maxUsers: options.users, seed: options.seed };
  if (options.test !== undefined)
    return splitBy(data.signals, await loadLater(options.test, data), {
      ...drawing,
      maxUsers: Number.MAX_SAFE_INTEGER,
    });
  if (options.at === undefined) return splitSignals(data.signals, drawing);
  const time = Date.parse(options.at);
  if (Number.isNaN(time)) throw new UsageError(`--at ${options.at} is no time`);
  return splitAt(data.signals, time / 1_000, drawing);
};

/** See `zyra evaluate --help`. */
export const evaluate = async (options: EvaluateOptions): Promise<void> => {
  if (options.test !== undefined && options.at !== undefined)
    throw new UsageError('--test and --at exclude each other');
  if (options.test !== undefined && options.events === undefined)
    throw new UsageError('--test needs --events');
  let points: ((start: GridPoint['parameters']) => GridPoint[]) | undefined;
  if (options.grid !== undefined) {
    try {
      const grid = parseGrid(options.grid === true ? defaultGrid : options.grid);
      points = (start) => gridPoints(grid, start);
    } catch (error) {
      throw new UsageError(`--grid: ${(error as Error).message}`);
    }
  }
  const settings = await findSettings();
  if (options.events === undefined) {
    await withDatabase({ database: options.database, queryTimeoutMs: 60_000 }, async (db) => {
      const progress = showProgress('reading', { total: 0, quiet: options.json === true });
      const data = await loadFromDatabase(db, settings, (users) => progress.update(users, `${users} users`));
      progress.end();
      await report(data, options, points);
    });
    return;
  }
  const embedders = createEmbedders(settings, createLog('cli', 'silent'), (why) => {
    if (!options.json)
      process.stderr.write(`zyra: no language model (${why}); texts are compared by their spelling\n`);
  });
  try {
    await report(await loadFromFiles(options.events, settings, () => embedders.best()), options, points);
  } finally {
    await embedders.close();
  }
};

const sayWhat = ({ users, items }: Signals): string =>
  `${users.length} signals of ${new Set(users).size} users on ${new Set(items).size} products`;

const report = async (
  data: EvaluationData,
  options: EvaluateOptions,
  points: ((start: GridPoint['parameters']) => GridPoint[]) | undefined,
): Promise<void> => {
  const { k, seed, json } = options;
  const quiet = json === true;
  const asked = await split(data, options);
  if (asked.users.length === 0)
    throw new CommandError(
      'nobody turned to anything new after what there is to learn from; is there too little data?',
    );
  const stage = async <T>(
    label: string,
    work: (update: (done: number, total: number, note: string) => void) => Promise<T>,
  ) => {
    const progress = showProgress(label, { total: 1_000, quiet });
    try {
      return await work((done, total, note) =>
        progress.update(Math.floor((1_000 * done) / Math.max(total, 1)), note),
      );
    } finally {
      progress.end();
    }
  };

  const vectors = options.content
    ? await stage('vectors', (update) =>
        data.vectors((done, total) => update(done, total, `${done} products`)),
      )
    : undefined;
  await withCompute(async (compute) => {
    const tuning =
      options.budget === 0
        ? undefined
        : await stage('choosing parameters', (update) =>
            tune(
              asked.training,
              {
                budgetMs: options.budget * 1_000,
                seed,
                k,
                onProgress: (done, what) => update(done, 1, what),
              },
              compute,
            ),
          );
    const parameters = tuning?.parameters ?? defaultParameters;
    const model = await stage('fitting', (update) =>
      fitModel(asked.training, parameters, compute, {
        seed,
        onProgress: (done, what) => update(done, 1, what),
      }),
    );
    const examination = prepareExamination(asked, k);
    const types = await stage('lists', (onProgress) =>
      compareTypes(examination, { model, vectors, alphas, compute, onProgress }),
    );
    const grid = await stage('grid', async (update) => {
      const trial = createTrial(asked, { k, seed, start: parameters, compute });
      const rows: (Compared & GridPoint)[] = [];
      const all = points?.(parameters) ?? [];
      for (const [at, point] of all.entries()) {
        update(at, all.length, point.name);
        rows.push({ ...point, figures: await trial.evaluate(point.parameters) });
      }
      return rows.sort((one, other) => objective(other.figures) - objective(one.figures));
    });
    if (json) {
      const { users, byTime } = asked;
      const learned = asked.training.users.length;
      const result = {
        k,
        users: users.length,
        signals: learned,
        by_time: byTime,
        tuned: tuning?.tuned ?? false,
      };
      process.stdout.write(`${JSON.stringify({ ...result, parameters, types, ...(points && { grid }) })}\n`);
      return;
    }
    process.stdout.write(
      `learned from ${sayWhat(asked.training)}; asked for ${asked.users.length} users, ${asked.byTime ? 'by time' : 'drawn at random: the times carry no order'}\n`,
    );
    process.stdout.write(
      `parameters ${tuning?.tuned ? 'chosen' : 'by default'}: ${JSON.stringify(parameters)}\n\n`,
    );
    print(types, k);
    if (!points) return;
    process.stdout.write('\ncollaborative, best first:\n');
    print(grid, k);
  });
};
