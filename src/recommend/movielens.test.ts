import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { projectRoot } from '../config.ts';
import { evaluateModel, prepareExamination } from './evaluate.ts';
import type { Signals } from './signals.ts';
import { train, withCompute } from './train.ts';

/** Not part of the project: its licence does not allow it. */
const folder = join(projectRoot, '../shared/data/movielens-small');
const read = (file: string): string => gunzipSync(readFileSync(join(folder, file))).toString();

interface Line {
  user_id: string;
  product_id: string;
  event_value: number;
  created_at: string;
}

test('on MovieLens, parameters chosen from the training part alone do better than EASE did', {
  timeout: 600_000,
}, async ({ skip }) => {
  skip(!existsSync(folder), `the MovieLens data is not in ${folder}`);
  const lines = read('interactions-train.ndjson.gz').trim().split('\n');
  const deeds = lines.map((line) => JSON.parse(line) as Line);
  const numbers = (ids: string[]) => new Map(Array.from(new Set(ids), (id, number) => [id, number]));
  const users = numbers(deeds.map((deed) => deed.user_id));
  const items = numbers(deeds.map((deed) => deed.product_id));
  const signals: Signals = {
    userCount: users.size,
    itemCount: items.size,
    users: Uint32Array.from(deeds, (deed) => users.get(deed.user_id) as number),
    items: Uint32Array.from(deeds, (deed) => items.get(deed.product_id) as number),
    weights: new Float32Array(deeds.length).fill(1),
    ratings: Float32Array.from(deeds, (deed) => deed.event_value),
    times: Float64Array.from(deeds, (deed) => Date.parse(deed.created_at) / 1_000),
  };
  const { model, tuning } = await train(signals, { tuneBudgetMs: 300_000 });
  expect(tuning?.tuned).toBe(true);

  const later = Object.entries(JSON.parse(read('test.json.gz')) as Record<string, string[]>);
  const figures = await withCompute((compute) =>
    evaluateModel(
      model,
      prepareExamination({
        training: signals,
        users: Uint32Array.from(later, ([user]) => users.get(user) as number),
        wanted: later.map(([, wanted]) => Uint32Array.from(wanted, (id) => items.get(id) as number)),
        byTime: true,
      }),
      compute,
    ),
  );
  expect(figures.users).toBe(593);
  expect(figures.recall).toBeGreaterThanOrEqual(0.157);
  expect(figures.ndcg).toBeGreaterThanOrEqual(0.144);
});
