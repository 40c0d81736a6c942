import type { Db } from './database.ts';

/** Fewer signals than this are not worth a model. */
export const enoughSignals = 300;

/** Without a word for this long a training counts as dead. */
const claimSeconds = 30;

export interface ServingModel {
  version: number;
  /** Its key in the artifact store. */
  file: string;
  trained_at: string;
}

/** The model that lists are made with; undefined before the first. */
export const findServingModel = async (db: Db): Promise<ServingModel | undefined> => {
  const [row] = await db<ServingModel>`select version, file, trained_at from models where state = 'serving'`;
  return row;
};

/**
 * Become the one who trains, on about so many signals. Undefined while somebody else is, unless they are to be sent away, which they notice when they
 * next say how far they are.
 */
export const claimTraining = async (
  db: Db,
  trainer: string,
  { force }: { force: boolean },
): Promise<{ signals: number } | undefined> => {
  const [claimed] = await db<{ signals: number }>`
    update model_training
    set claimed_by = ${trainer}, claimed_until = now() + ${claimSeconds} * interval '1 second', done = 0,
      doing = 'reading signals', trained_signals = count_signals_about()
    where claimed_by is null or claimed_by = ${trainer} or claimed_until < now() or ${force}
    returning trained_signals as signals`;
  return claimed;
};

/** Say how far a training is; false when it is no longer this one's turn. */
export const advanceTraining = async (
  db: Db,
  trainer: string,
  { done, doing }: { done: number; doing: string },
): Promise<boolean> =>
  (
    await db`
      update model_training
      set claimed_until = now() + ${claimSeconds} * interval '1 second', done = ${done}, doing = ${doing}
      where claimed_by = ${trainer} returning one_row`
  ).length > 0;

/** Send whoever trains away. */
export const stopTraining = (db: Db) => db`update model_training set claimed_by = null, claimed_until = null`;

export const releaseTraining = (db: Db, trainer: string) => db`
  update model_training set claimed_by = null, claimed_until = null where claimed_by = ${trainer}`;

/** Whether a model is due because signals have grown, as of this look and the one before. */
export const lookForGrowth = async (db: Db): Promise<boolean> => {
  const [row] = await db<{ due: boolean }>`select look_for_growth(${enoughSignals}) as due`;
  return row?.due ?? false;
};

export const nextModelVersion = async (db: Db): Promise<number> => {
  const [row] = await db<{ version: number }>`select nextval('model_versions')::integer as version`;
  return row?.version ?? 0;
};

export interface TrainedModel {
  version: number;
  file: string;
  signals: number;
  /** What tuning and the comparison with the model before found. */
  figures: Record<string, unknown>;
  /** When reading the signals began. */
  trained_at: string;
}

/** Serve a model, or put it aside; false when somebody else trains by now. */
export const storeModel = async (
  db: Db,
  trainer: string,
  model: TrainedModel,
  { served }: { served: boolean },
): Promise<boolean> => {
  const [row] = await db<{ stored: boolean }>`
    select store_model(${trainer}, ${JSON.stringify(model)}::text::jsonb, ${served}) as stored`;
  return row?.stored ?? false;
};

/** Forget all but the one being served and the newest others; their files. */
export const forgetModels = (db: Db, keep: number) => db<{ file: string }>`
  delete from models
  where state <> 'serving'
    and version not in (select version from models where state <> 'serving' order by version desc limit ${keep})
  returning file`;

/** What operators are told. */
export interface ModelStatus {
  training: boolean;
  done: number;
  doing: string;
  /** Signals have grown enough for a new model, and nobody trains it yet. */
  due: boolean;
  model: { version: number; trained_at: string; signals: number; figures: Record<string, unknown> } | null;
}

export const findModelStatus = async (db: Db): Promise<ModelStatus> => {
  const [row] = await db<ModelStatus>`
    select coalesce(t.claimed_until > now(), false) as training, t.done, t.doing,
      s.signals >= ${enoughSignals} and s.signals >= 1.2 * t.trained_signals as due,
      (select json_build_object('version', m.version, 'trained_at', m.trained_at, 'signals', m.signals, 'figures', m.figures)
        from models m where m.state = 'serving') as model
    from model_training t, count_signals_about() as s(signals)`;
  return row as ModelStatus;
};
