import { spawn } from 'node:child_process';
import { createReadStream, existsSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { createGunzip, gunzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { projectRoot } from '../src/config.ts';
import { createScorecard } from '../src/recommend/metrics.ts';
import { createClient } from './support/client.ts';
import { eventually } from './support/eventually.ts';
import { startSystem } from './support/system.ts';

/** Not part of the project: its licence does not allow it. */
const folder = join(projectRoot, '../shared/data/movielens-small');

/** What the command imports, in this order. */
const files = ['catalog.ndjson.gz', 'users.ndjson.gz', 'interactions-train.ndjson.gz'];

type Line = Record<string, string>;

const readLines = async (file: string): Promise<Line[]> => {
  const content = createReadStream(join(folder, file)).pipe(createGunzip());
  const lines: Line[] = [];
  for await (const line of createInterface({ input: content })) lines.push(JSON.parse(line) as Line);
  return lines;
};

/** Read every test user's list of 20, as a page does, and hold it against what they turned to afterwards. */
const scoreLists = async (url: string, key: string, training: readonly Line[]) => {
  const { get } = createClient(url, key);
  const wanted = JSON.parse(gunzipSync(readFileSync(join(folder, 'test.json.gz'))).toString()) as Record<
    string,
    string[]
  >;
  const numbers = new Map<string, number>();
  const numberOf = (id: string): number => {
    const number = numbers.get(id) ?? numbers.size;
    numbers.set(id, number);
    return number;
  };
  const rated = training.map(({ product_id }) => numberOf(product_id ?? ''));
  const listed = new Map<string, Uint32Array>();
  for (const user of Object.keys(wanted)) {
    const answer = await get(`/v1/users/${user}/recommendations?k=20&type=collaborative`);
    expect(answer.status, answer.text).toBe(200);
    const items = answer.json.items as { product_id: string }[];
    expect(items).toHaveLength(20);
    listed.set(
      user,
      Uint32Array.from(items, ({ product_id }) => numberOf(product_id)),
    );
  }
  for (const ids of Object.values(wanted)) ids.forEach(numberOf);
  const holders = new Uint32Array(numbers.size);
  for (const number of rated) holders[number] = (holders[number] as number) + 1;
  const card = createScorecard(20, holders, new Set(training.map(({ user_id }) => user_id)).size);
  for (const [user, list] of listed) card.add(list, Uint32Array.from(wanted[user] ?? [], numberOf));
  return card.figures();
};

/** `npx zyra import …` in an environment that knows of no other system. */
const runImport = async (url: string, key: string) => {
  const paths = files.map((file) => join(folder, file));
  const args = [join(projectRoot, 'bin/zyra.mjs'), 'import', ...paths, '--api', url, '--key', key];
  const child = spawn(process.execPath, [...args, '--wait', '--json'], {
    cwd: tmpdir(),
    env: { PATH: process.env.PATH ?? '' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  return { stdout, stderr, code };
};

test('MovieLens, imported by the command, is there once, and the lists read over HTTP are as good as those of EASE', async ({
  skip,
}) => {
  skip(!existsSync(folder), `the MovieLens data is not in ${folder}`);
  // It takes a minute on two cores that nothing else wants.
  const { db, url, keys } = await startSystem({ TRAINING_BUDGET_SECONDS: '120' });
  const interactions = await readLines('interactions-train.ndjson.gz');
  expect(interactions).toHaveLength(80_895);

  for (let round = 0; round < 2; round += 1) {
    const { stdout, stderr, code } = await runImport(url, keys.admin);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const report = JSON.parse(stdout) as { files: { accepted: number; rejected: number }[] };
    expect(report.files).toMatchObject([
      { accepted: 21 + 9_742, rejected: 0 },
      { accepted: 610, rejected: 0 },
      { accepted: 80_895, rejected: 0 },
    ]);
    const [rows] = await db`
      select (select count(*)::integer from categories) as categories,
        (select count(*)::integer from products) as products,
        (select count(*)::integer from users) as users,
        (select count(*)::integer from interactions) as interactions`;
    expect(rows).toEqual({ categories: 21, products: 9_742, users: 610, interactions: 80_895 });
  }

  const ids = interactions.map(({ event_id }) => event_id ?? '');
  const [ledger] = await db`
    select count(*)::integer as rows, count(distinct event_id)::integer as ids
    from processed_events where event_id = any(${ids}::uuid[])`;
  expect(ledger).toEqual({ rows: ids.length, ids: ids.length });
  const [ratings] = await db`
    select count(*)::integer as rows, sum(event_value)::text as sum
    from interactions where event_type = 'rate'`;
  const sum = interactions.reduce((total, { event_value }) => total + Number(event_value), 0);
  expect(ratings).toMatchObject({ rows: ids.length });
  expect(Number(ratings?.sum)).toBe(sum);

  const figures = await scoreLists(url, keys.read, interactions);
  process.stdout.write(`  lists over HTTP: ${JSON.stringify(figures)}\n`);
  expect(figures.users).toBe(593);
  // EASE has 0.1571 and 0.1441, item-kNN 0.1288 and 0.1252, and those of EASE are the aims. Ours were 0.1585 to 0.1617 and
  // 0.1450 to 0.1476 in six runs that held back different pairs, so chance alone moves them by 0.001.
  expect(figures.recall).toBeGreaterThanOrEqual(0.156);
  expect(figures.ndcg).toBeGreaterThanOrEqual(0.143);
  // The scheduler always has something small to do.
  await eventually(async () => {
    const status = await createClient(url, keys.admin).get('/v1/admin/status');
    expect(status.json).toMatchObject({ idle: true, waiting_events: 0, parked_events: 0 });
  }, 60_000);
}, 600_000);
