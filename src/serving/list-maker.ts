import type { Redis } from 'ioredis';
import { trainModel } from '../../jobs/train-model.ts';
import { ArtifactMissingError, type ArtifactStore } from '../artifacts/store.ts';
import type { Config } from '../config.ts';
import { insertAudit } from '../db/audit.ts';
import type { Db } from '../db/database.ts';
import { findServingModel, type ServingModel } from '../db/models.ts';
import { listGone } from '../db/signals.ts';
import { listSessionUsers, type Visit } from '../db/visits.ts';
import type { Log } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import type { Producer } from '../queue/producer.ts';
import { pepperOf } from '../queue/secrets.ts';
import { deedRules } from '../recommend/deed-rules.ts';
import { ModelRefusedError } from '../recommend/model-file.ts';
import type { ItemNeighbours } from '../recommend/neighbours.ts';
import { defaultParameters, type Parameters } from '../recommend/parameters.ts';
import { createScorer } from '../recommend/scorer.ts';
import { keepVectors } from '../vectors/kept-vectors.ts';
import { ArtifactRefusedError, type VectorIndex } from '../vectors/vector-index.ts';
import { type Catalogue, startCatalogue } from './catalogue.ts';
import { createDeedMemory, type Recalled, type StaleUser } from './deed-memory.ts';
import { makeLists } from './make-lists.ts';
import { openServing } from './open-serving.ts';
import {
  removeLists,
  sessionKey,
  type UserList,
  userListKey,
  writeAliases,
  writeLists,
  writeSessions,
} from './user-list.ts';
import { ownersOf } from './visit-owners.ts';

/** What a user did with more products and in more ways than this counts for nothing; the newest do. */
export const newestSignals = 5_000;
/** How often to look whether another model or generation of the index is to be used. */
const lookMs = 1_000;
const daySeconds = 86_400;

/** What lists are made with. */
export interface ListBasis {
  /** The model's version; 0 without one. */
  model: number;
  /** The model of the index; empty without one. */
  index: string;
  /** Products in the index. */
  products: number;
}

/** Makes users' lists, with a thread for the trained model and one for the index; both start with the first list. */
export interface ListMaker {
  /**
   * Make the lists of these users from what they did until now, and store them. Those of merged visitors point to the
   * person's, and erased users' go. `visits` of theirs lead to their lists from now on. How many lists were made.
   * @throws OutageError, RetryableError: some may be stored all the same, and doing it again is harmless.
   */
  refresh(users: readonly StaleUser[], visits?: readonly Visit[]): Promise<number>;
  basis(): Promise<ListBasis>;
  /** The version of the model to be used now, as of this very moment; 0 without one. */
  model(): Promise<number>;
  /** At most `k` products that go with each of these by the model in use; none without one. */
  neighbours(numbers: Uint32Array, k: number): Promise<ItemNeighbours>;
  close(): Promise<void>;
}

interface ListMakerParts {
  db: Db;
  cache: Redis;
  config: Config;
  artifacts: ArtifactStore;
  vectors: VectorIndex;
  producer: Producer;
  metrics: Metrics;
  log: Log;
}

export const createListMaker = (parts: ListMakerParts): ListMaker => {
  const { db, cache, config, artifacts, vectors, producer, metrics, log } = parts;
  const prefix = config.REDIS_PREFIX;
  const rules = deedRules(config);
  const pepper = pepperOf(config);
  const ttlSeconds = config.LIST_TTL_DAYS * daySeconds;
  const untrained: Parameters = {
    ...defaultParameters,
    signals: { ...defaultParameters.signals, halfLifeDays: config.SIGNAL_HALF_LIFE_DAYS },
  };
  /** The model in the scoring thread. */
  let model: (ServingModel & { parameters: Parameters }) | undefined;
  let catalogue: Promise<Catalogue> | undefined;
  let lookedAt = Number.NEGATIVE_INFINITY;
  let looking: Promise<void> | undefined;
  const refused = new Set<string>();
  const kept = keepVectors(vectors);
  const memory = createDeedMemory(db, { types: rules.types, newest: newestSignals });

  const scorer = createScorer((error) => {
    model = undefined;
    lookedAt = Number.NEGATIVE_INFINITY;
    log.error({ err: error, msg: 'the scoring thread ended; it is started again' });
  });

  /** Once for each file: what was in use before stays. `mend` asks for another. */
  const refuse = async (key: string, error: Error, mend?: () => Promise<unknown>) => {
    if (refused.has(key)) return;
    refused.add(key);
    metrics.refusedArtifacts.inc();
    log.error({ err: error, key, msg: 'an artifact was refused; lists are made with the one before' });
    try {
      await mend?.();
      await insertAudit(db, {
        component: 'lists',
        severity: 'error',
        message: 'an artifact was refused',
        payload: { key, reason: error.message },
      });
    } catch (failure) {
      refused.delete(key);
      throw failure;
    }
  };

  const followModel = async () => {
    const serving = await findServingModel(db);
    if (!serving || serving.version === model?.version) return;
    try {
      const parameters = await scorer.open(await artifacts.file(serving.file));
      model = { ...serving, parameters };
      log.info({ version: serving.version, msg: 'making lists with a new model' });
    } catch (error) {
      if (!(error instanceof ModelRefusedError || error instanceof ArtifactMissingError)) throw error;
      // Forgotten under our hands: a newer one is there.
      if ((await findServingModel(db))?.version !== serving.version) return;
      await refuse(serving.file, error, () =>
        producer.enqueue(
          trainModel,
          { insteadOf: serving.version },
          { coalesce: `instead-of-${serving.version}` },
        ),
      );
    }
  };

  const followIndex = async () => {
    try {
      await openServing(db, vectors);
    } catch (error) {
      if (!(error instanceof ArtifactRefusedError || error instanceof ArtifactMissingError)) throw error;
      await refuse(error.key, error);
    }
  };

  const look = (): Promise<void> => {
    if (performance.now() - lookedAt < lookMs) return Promise.resolve();
    looking ??= (async () => {
      try {
        await Promise.all([followModel(), followIndex()]);
        lookedAt = performance.now();
      } finally {
        looking = undefined;
      }
    })();
    return looking;
  };

  /** Which products may be offered, as far as is known; reads look again. */
  const allowed = async (): Promise<Uint8Array | undefined> => {
    catalogue ??= startCatalogue({ db, cache, prefix, log });
    const known = await catalogue;
    return known.loaded ? known.allowed({}) : undefined;
  };

  const isActive = ({ signals }: Recalled): boolean => signals.present && signals.numbers.length > 0;

  /** Make the lists of these users and store them. @returns those whose lists could not take the place of what they grew from */
  const makeAndStore = async (users: readonly Recalled[]): Promise<Recalled[]> => {
    const using = model;
    const active = users.filter(isActive);
    const lists = await makeLists(
      active.map(({ signals }) => signals),
      {
        rules,
        parameters: using?.parameters ?? untrained,
        vectors,
        kept,
        model: using && { version: using.version, score: scorer.score },
        allowed: await allowed(),
      },
    );
    const stored = await writeLists(
      cache,
      prefix,
      active.map(({ signals, grownFrom }, at) => ({
        ...{ userId: signals.person, insteadOf: grownFrom },
        list: lists[at] as UserList,
      })),
      { ttlSeconds },
    );
    active.forEach((one, at) => {
      if (stored[at]) memory.remember(one);
      else memory.forget(one.signals.person);
    });
    return active.filter(({ grownFrom }, at) => !stored[at] && grownFrom !== undefined);
  };

  const refresh = async (stale: readonly StaleUser[], visits: readonly Visit[] = []): Promise<number> => {
    if (stale.length === 0) return 0;
    await look();
    let recalled = await memory.recall(stale);
    const overtaken = new Set(await makeAndStore(recalled));
    if (overtaken.size > 0) {
      // Somebody else has made their lists meanwhile, or they are gone: all is read anew.
      const again = await memory.recall(Array.from(overtaken, ({ signals }) => ({ id: signals.person })));
      await makeAndStore(again);
      recalled = [...recalled.filter((one) => !overtaken.has(one)), ...again];
    }
    const users = recalled.map(({ signals }) => signals);
    const aliases = users.flatMap(({ person, merged, readAt }) =>
      merged.map((userId) => ({ userId, personId: person, version: readAt })),
    );
    await writeAliases(cache, prefix, aliases, { ttlSeconds });
    const told = await listSessionUsers(
      db,
      visits.map(({ session_id }) => session_id),
    );
    const owners = ownersOf(visits, users, told);
    await writeSessions(cache, prefix, owners);
    // After writing: who was erased since the signals were read has no list all the same.
    const gone = await listGone(
      db,
      [...users.map(({ person }) => person), ...[...aliases, ...owners].map(({ userId }) => userId)],
      pepper,
    );
    const erased = new Set(gone.flatMap(({ id, erased }) => (erased ? [id] : [])));
    const empty = recalled.flatMap((one) =>
      isActive(one) || erased.has(one.signals.person) ? [] : [one.signals],
    );
    for (const id of [...empty.map(({ person }) => person), ...erased]) memory.forget(id);
    await removeLists(
      cache,
      prefix,
      empty.map(({ person, readAt }) => ({ userId: person, version: readAt })),
    );
    if (erased.size > 0) {
      const theirs = owners.filter(({ userId }) => erased.has(userId));
      await cache.unlink([
        ...[...erased].map((id) => userListKey(prefix, id)),
        ...theirs.map(({ sessionId }) => sessionKey(prefix, sessionId)),
      ]);
    }
    return recalled.filter(isActive).length;
  };

  return {
    refresh,
    async basis() {
      await look();
      const { manifest } = vectors;
      return { model: model?.version ?? 0, index: manifest?.model ?? '', products: manifest?.count ?? 0 };
    },
    async model() {
      await followModel();
      return model?.version ?? 0;
    },
    async neighbours(numbers, k) {
      await followModel();
      if (model) return scorer.neighbours(numbers, k);
      return {
        starts: new Uint32Array(numbers.length + 1),
        numbers: new Uint32Array(),
        scores: new Float32Array(),
      };
    },
    async close() {
      // Not waited for: with PostgreSQL away it may still be loading.
      void catalogue?.then((loaded) => loaded.close());
      await scorer.close();
    },
  };
};
