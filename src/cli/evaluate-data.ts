import { z } from 'zod';
import type { Config } from '../config.ts';
import type { Db } from '../db/database.ts';
import { deeds } from '../db/deeds.ts';
import { listProductIds, listVectorsOf } from '../db/product-vectors.ts';
import { findHighestNumber } from '../db/serving.ts';
import { listUserIds, listUserSignals, type UserSignals } from '../db/signals.ts';
import { findServingIndex } from '../db/vector-indexes.ts';
import type { Embedder } from '../embeddings/embedder.ts';
import { deedRules, toSignals } from '../recommend/deed-rules.ts';
import type { Dense } from '../recommend/dense.ts';
import type { Signals } from '../recommend/signals.ts';
import { CommandError, UsageError } from './failure.ts';
import { ndjsonLines, openSource } from './import-lines.ts';

/** What is evaluated on, wherever it came from. */
export interface EvaluationData {
  signals: Signals;
  userOf(id: string): number | undefined;
  itemOf(id: string): number | undefined;
  /** Of the products, a row for each item; undefined where there are none. */
  vectors(onProgress: (done: number, total: number) => void): Promise<Dense | undefined>;
}

type Weights = Pick<Config, 'EVENT_WEIGHTS' | 'KNOWN_EVENT_TYPES'>;

/** More than the busiest user has. */
const newest = 100_000;
const userPage = 500;
const productPage = 2_000;

/** The system's own data, as training reads it: of each product and kind of deed the last time. */
export const loadFromDatabase = async (
  db: Db,
  settings: Weights,
  onProgress: (users: number) => void,
): Promise<EvaluationData> => {
  const rules = deedRules(settings);
  const users: UserSignals[] = [];
  const places = new Map<string, number>();
  for (let after: string | null = null; ; ) {
    const page: { user_id: string }[] = await listUserIds(db, after, userPage);
    const last = page.at(-1);
    if (!last) break;
    after = last.user_id;
    const ids = page.map(({ user_id }) => user_id);
    for (const one of await listUserSignals(db, ids, { types: rules.types, newest })) {
      // Merged ids are users too, and answered by their person.
      if (one.numbers.length === 0 || places.has(one.person)) continue;
      places.set(one.person, users.length);
      users.push(one);
    }
    onProgress(places.size);
  }
  const itemCount = (await findHighestNumber(db)) + 1;
  const numbers = new Map<string, number>();
  const index = await findServingIndex(db);
  return {
    signals: toSignals(users, rules, { itemCount, itemOf: (number) => (number < itemCount ? number : -1) }),
    userOf: (id) => places.get(id),
    itemOf: (id) => numbers.get(id),
    vectors: async (onVectors) => {
      if (!index) return undefined;
      let vectors: Dense | undefined;
      let done = 0;
      for (let after: string | null = null; ; ) {
        const page: { product_id: string }[] = await listProductIds(db, after, productPage);
        const last = page.at(-1);
        if (!last) return vectors;
        after = last.product_id;
        const rows = await listVectorsOf(
          db,
          index.model,
          page.map(({ product_id }) => product_id),
        );
        if (rows.vectors && rows.numbers) {
          const { numbers: found, vectors: packed } = rows;
          const floats = new Float32Array(Uint8Array.from(packed).buffer);
          const dim = floats.length / found.length;
          vectors ??= { rows: itemCount, columns: dim, values: new Float32Array(itemCount * dim) };
          const { values } = vectors;
          found.forEach((number, at) => {
            if (number < itemCount) values.set(floats.subarray(at * dim, (at + 1) * dim), number * dim);
          });
        }
        done += page.length;
        onVectors(done, itemCount);
      }
    },
  };
};

const Line = z.object({
  type: z.string(),
  op: z.string().optional(),
  user_id: z.string().optional(),
  product_id: z.string().optional(),
  event_type: z.string().optional(),
  event_value: z.coerce.number().optional(),
  rating: z.number().optional(),
  payment_status: z.string().optional(),
  items: z.array(z.object({ product_id: z.string() })).optional(),
  created_at: z.string().optional(),
  purchased_at: z.string().optional(),
  occurred_at: z.string().optional(),
  name: z.string().nullish(),
  slug: z.string().optional(),
  brand: z.string().nullish(),
  category_slug: z.string().nullish(),
  tags: z.array(z.string()).nullish(),
  short_description: z.string().nullish(),
  long_description: z.string().nullish(),
});
type Line = z.output<typeof Line>;

/** What one user did, growing. */
type Growing = Record<'numbers' | 'kinds' | 'values' | 'at', number[]>;

const statusKinds: Readonly<Record<string, number>> = {
  completed: deeds.bought,
  pending: deeds.ordered,
  refunded: deeds.refunded,
};

const numbering = () => {
  const places = new Map<string, number>();
  return {
    places,
    of: (id: string): number => {
      const known = places.get(id);
      if (known !== undefined) return known;
      places.set(id, places.size);
      return places.size - 1;
    },
  };
};

/** Texts of a batch: enough to keep the model busy, few enough to show how far it is. */
const textBatch = 64;

/** Events in files as `zyra import` takes them; of what replaces or deletes only the kinds that lists are made from. */
export const loadFromFiles = async (
  files: readonly string[],
  settings: Weights,
  embedder: () => Promise<Embedder>,
): Promise<EvaluationData> => {
  const rules = deedRules(settings);
  const users = numbering();
  const items = numbering();
  const histories: Growing[] = [];
  const texts = new Map<number, string>();
  const categories = new Map<string, string>();

  const note = (line: Line, product: string | undefined, kind: number, value = 0) => {
    if (line.user_id === undefined || product === undefined) return;
    const user = users.of(line.user_id);
    const history = histories[user] ?? { numbers: [], kinds: [], values: [], at: [] };
    histories[user] = history;
    const time = line.occurred_at ?? line.created_at ?? line.purchased_at;
    history.numbers.push(items.of(product));
    history.kinds.push(kind);
    history.values.push(value);
    history.at.push(time === undefined ? 0 : Date.parse(time) / 1_000);
  };
  const take = (line: Line) => {
    if (line.op === 'delete') return;
    const { type, product_id } = line;
    if (type === 'interaction') {
      const place = rules.types.indexOf(line.event_type ?? '');
      if (place >= 0) note(line, product_id, place + 1, line.event_value);
    } else if (type === 'review') note(line, product_id, deeds.reviewed, line.rating);
    else if (type === 'cart') note(line, product_id, deeds.carted);
    else if (type === 'wishlist') note(line, product_id, deeds.wished);
    else if (type === 'purchase') {
      const kind = statusKinds[line.payment_status ?? 'completed'];
      if (kind === undefined) return;
      for (const item of line.items ?? []) note(line, item.product_id, kind);
    } else if (type === 'category' && line.slug !== undefined) categories.set(line.slug, line.name ?? '');
    else if (type === 'product' && product_id !== undefined) {
      const { name, brand, category_slug, tags, short_description, long_description } = line;
      const category = categories.get(category_slug ?? '');
      texts.set(
        items.of(product_id),
        [name, brand, category, tags?.join(', '), short_description, long_description]
          .filter(Boolean)
          .join('. '),
      );
    }
  };

  for (const file of files) {
    const { content } = await openSource(file);
    for await (const { line, text } of ndjsonLines(content)) {
      try {
        take(Line.parse(JSON.parse(text.toString())));
      } catch (error) {
        throw new CommandError(`${file}, line ${line} is no event`, { cause: error });
      }
    }
  }
  const itemCount = items.places.size;
  const rows = histories.map(
    ({ numbers, kinds, values, at }): UserSignals => ({
      ...{ person: '', present: true, merged: [], readAt: 0, unnumbered: [] },
      numbers: Uint32Array.from(numbers),
      kinds: Int16Array.from(kinds),
      times: new Uint32Array(numbers.length).fill(1),
      values: Float32Array.from(values),
      at: Float64Array.from(at),
    }),
  );
  return {
    signals: toSignals(rows, rules, { itemCount, itemOf: (number) => number }),
    userOf: (id) => users.places.get(id),
    itemOf: (id) => items.places.get(id),
    vectors: async (onProgress) => {
      if (texts.size === 0) return undefined;
      const { dim, embed } = await embedder();
      const vectors = { rows: itemCount, columns: dim, values: new Float32Array(itemCount * dim) };
      const all = [...texts];
      for (let from = 0; from < all.length; from += textBatch) {
        const batch = all.slice(from, from + textBatch);
        const found = await embed(batch.map(([, text]) => text));
        batch.forEach(([item], at) => {
          vectors.values.set(found.subarray(at * dim, (at + 1) * dim), item * dim);
        });
        onProgress(from + batch.length, all.length);
      }
      return vectors;
    },
  };
};

const Later = z.record(z.string(), z.array(z.string()));

/** A file of what users turned to later, `{ "<user>": ["<product>", …] }`; who or what the events do not name is left out. */
export const loadLater = async (
  file: string,
  { userOf, itemOf }: EvaluationData,
): Promise<Map<number, Set<number>>> => {
  const pieces: Buffer[] = [];
  for await (const piece of (await openSource(file)).content) pieces.push(piece as Buffer);
  let later: z.output<typeof Later>;
  try {
    later = Later.parse(JSON.parse(Buffer.concat(pieces).toString()));
  } catch (error) {
    throw new UsageError(`${file} does not hold lists of products by user`, { cause: error });
  }
  return new Map(
    Object.entries(later).flatMap(([id, products]): [number, Set<number>][] => {
      const user = userOf(id);
      const wanted = products.flatMap((product) => itemOf(product) ?? []);
      return user === undefined ? [] : [[user, new Set(wanted)]];
    }),
  );
};
