import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { refreshAll } from '../../jobs/refresh-all.ts';
import { refreshSimilar } from '../../jobs/refresh-similar.ts';
import { ArtifactMissingError } from '../artifacts/store.ts';
import { insertAudit } from '../db/audit.ts';
import {
  advanceTraining,
  claimTraining,
  findServingModel,
  forgetModels,
  nextModelVersion,
  releaseTraining,
  storeModel,
} from '../db/models.ts';
import { countUsersAbout } from '../db/signals.ts';
import { RetryableError } from '../errors.ts';
import { wake } from '../queue/follow-ups.ts';
import type { Context, Run } from '../queue/handler.ts';
import type { Comparison } from '../recommend/compare.ts';
import { compareInThread } from '../recommend/compare-in-thread.ts';
import { deedRules } from '../recommend/deed-rules.ts';
import { defaultParameters, type Parameters } from '../recommend/parameters.ts';
import { trainInThread } from '../recommend/train-in-thread.ts';
import { newestSignals } from '../serving/list-maker.ts';
import { collectSignals } from './collect-signals.ts';

export interface Training {
  /** Send another training away instead of leaving it to that. */
  force?: boolean;
  /** Take these instead of choosing. */
  parameters?: Parameters | undefined;
  onProgress?: (done: number) => Promise<void>;
}

export type TrainingOutcome =
  | { outcome: 'served' | 'aside'; version: number }
  /** Somebody else trains, or has taken over. */
  | { outcome: 'left' }
  | { outcome: 'too few signals' };

/** Below this there is nothing to learn, whoever asks. */
const leastSignals = 20;
/** Of the time for one training, what the choice of parameters gets: reading and fitting take the rest. */
const tuningShare = 0.75;
/** Shares of the whole at which its parts begin, for whoever watches. */
const progress = { training: 0.1, comparing: 0.95 };
const tellMs = 2_000;
/** Models that are kept beside the one being served. */
const keptModels = 3;

/** Another job has taken over. */
class SentAwayError extends Error {
  override name = 'SentAwayError';
}

/**
 * Train a model of everything users did and serve it, unless it does worse than the one being served on what neither has
 * seen: then it is put aside, and operators are told.
 */
export const trainModel = async (
  context: Context,
  run: Run,
  { force = false, parameters, onProgress }: Training,
): Promise<TrainingOutcome> => {
  const { db } = context;
  const trainer = run.jobId;
  const claimed = await claimTraining(db, trainer, { force });
  if (!claimed) return { outcome: 'left' };
  const away = new AbortController();
  const signal = AbortSignal.any([run.signal, away.signal]);
  const state = { done: 0, doing: 'reading signals' };
  let telling: Promise<void> | undefined;
  const tell = async () => {
    if (!(await advanceTraining(db, trainer, state))) away.abort(new SentAwayError('another job trains'));
    await onProgress?.(state.done);
  };
  // What fails here is tried again; a claim that ran out is found at the end.
  const timer = setInterval(() => {
    telling ??= tell()
      .catch((error: unknown) => {
        if (error instanceof RetryableError && error.constructor === RetryableError) away.abort(error);
      })
      .finally(() => {
        telling = undefined;
      });
  }, tellMs);
  try {
    return await work(context, run, { signal, parameters, state, expected: claimed.signals });
  } catch (error) {
    if (error instanceof SentAwayError) return { outcome: 'left' };
    if (run.signal.aborted)
      throw new RetryableError('the training was stopped; it begins again with the next try');
    throw error;
  } finally {
    clearInterval(timer);
    await telling;
    await releaseTraining(db, trainer);
  }
};

interface Work {
  signal: AbortSignal;
  parameters: Parameters | undefined;
  /** About how many signals there are. */
  expected: number;
  state: { done: number; doing: string };
}

const work = async (
  context: Context,
  run: Run,
  { signal, parameters, expected, state }: Work,
): Promise<TrainingOutcome> => {
  const { db, artifacts, config, producer } = context;
  const began = performance.now();
  const trainedAt = new Date().toISOString();
  const serving = await findServingModel(db);
  const users = await countUsersAbout(db);
  const { signals, products, exam, count } = await collectSignals(db, {
    rules: deedRules(config),
    newest: newestSignals,
    expected,
    servingSince: serving && Date.parse(serving.trained_at) / 1_000,
    onPage: async (read) => {
      signal.throwIfAborted();
      state.done = progress.training * Math.min(read / Math.max(users, 1), 1);
    },
  });
  if (signals.users.length < leastSignals) return { outcome: 'too few signals' };
  const readMs = Math.round(performance.now() - began);

  const folder = await artifacts.draftFolder();
  try {
    const path = join(folder, 'model.bin');
    const tuneBudgetMs = parameters
      ? 0
      : Math.max(tuningShare * config.TRAINING_BUDGET_SECONDS * 1_000 - readMs, 1_000);
    const { tuning, ...trained } = await trainInThread(
      { signals, products, path, options: { tuneBudgetMs, start: parameters ?? defaultParameters } },
      {
        signal,
        onProgress: (done, what) => {
          state.done = progress.training + (progress.comparing - progress.training) * done;
          state.doing = what;
        },
      },
    );
    state.done = progress.comparing;
    state.doing = 'comparing with the model before';
    let comparison: Comparison | undefined;
    if (serving) {
      const before = await artifacts.file(serving.file).catch((error: unknown) => {
        // Nothing to compare with: whatever is new is better.
        if (error instanceof ArtifactMissingError) return undefined;
        throw error;
      });
      if (before) comparison = await compareInThread({ candidate: path, serving: before, ...exam }, signal);
    }

    const version = await nextModelVersion(db);
    const file = `model/${version}.bin`;
    await artifacts.put(file, { file: path });
    signal.throwIfAborted();
    const served = !comparison?.worse;
    const figures = {
      parameters: trained.parameters,
      tuned: tuning?.tuned ?? false,
      by_time: tuning?.byTime ?? null,
      chosen: tuning?.chosen ?? null,
      baselines: tuning?.baselines ?? null,
      trials: tuning?.trials.length ?? 0,
      comparison: comparison ?? null,
      users: signals.userCount,
      products: products.length,
      seconds: Math.round((performance.now() - began) / 100) / 10,
    };
    const model = { version, file, signals: count, figures, trained_at: trainedAt };
    if (!(await storeModel(db, run.jobId, model, { served }))) {
      await artifacts.remove(file);
      throw new SentAwayError('another job trains');
    }
    run.log.info({ version, served, signals: count, seconds: figures.seconds, msg: 'trained a model' });
    await insertAudit(db, {
      component: 'training',
      severity: served ? 'info' : 'warning',
      message: served ? 'a model is served' : 'a model did worse than the one being served and was put aside',
      payload: { version, before: serving?.version ?? null, signals: count, comparison: comparison ?? null },
    });
    for (const { file } of await forgetModels(db, keptModels)) await artifacts.remove(file);
    // Should that be lost: lists that are older than the model are looked for by schedule.
    if (served)
      await Promise.all([producer.enqueue(refreshAll, { ifStale: true }), wake(producer, refreshSimilar)]);
    return { outcome: served ? 'served' : 'aside', version };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
};
