import postgres from 'postgres';
import { v7 as uuidv7 } from 'uuid';
import { expect, onTestFinished, test } from 'vitest';
import { refreshUsers } from '../../jobs/refresh-users.ts';
import { performJob } from '../../test/support/perform-job.ts';
import { setup } from '../../test/support/setup.ts';
import { insertProducts } from '../../test/support/shop.ts';
import { told } from '../../test/support/told.ts';
import { listUserSignals, type UserSignals } from '../db/signals.ts';
import { createRandom } from '../demo/random.ts';
import { followUp } from '../queue/follow-ups.ts';
import { createDeedMemory } from './deed-memory.ts';

const types = ['view', 'click', 'rate', 'purchase'];

/** A shop of a few products and users, SQL on connections of its own, and a memory that is held against the tables. */
const open = async (newest: number) => {
  const wanted = { types, newest };
  const { db, parts, databaseUrl } = await setup();
  const products = await insertProducts(db, 6);
  const users = Array.from({ length: 5 }, () => uuidv7());
  await db`insert into users (user_id, is_anonymous, is_active) select id, false, true from unnest(${users}::uuid[]) as id`;
  const sql = postgres(databaseUrl, { max: 4, onnotice: () => {}, connection: { TimeZone: 'UTC' } });
  onTestFinished(() => sql.end());
  /** Done once, right before PostgreSQL adds up what somebody did who did very much. */
  const meanwhile: (() => Promise<unknown>)[] = [];
  const hooked = new Proxy(db, {
    apply: async (target, _, [text, ...values]: Parameters<typeof db>) => {
      if (text.join().includes('user_deeds')) await meanwhile.pop()?.();
      return target(text, ...values);
    },
  });
  const memory = createDeedMemory(hooked, wanted);
  const counts = { grown: 0, whole: 0 };
  let failing = false;
  const handler = followUp('list', async (keys) => {
    const stale = new Map(keys.map(({ key, additions }) => [key, { id: key, additions }]));
    const recalled = await memory.recall([...stale.values()]);
    const read = await listUserSignals(db, [...stale.keys()], wanted);
    const sorted = (all: readonly UserSignals[]) =>
      all.map(told).sort((one, other) => one.person.localeCompare(other.person));
    expect(sorted(recalled.map(({ signals }) => signals))).toEqual(sorted(read));
    for (const one of recalled) {
      counts[one.grownFrom === undefined ? 'whole' : 'grown'] += 1;
      memory.remember(one);
    }
    if (failing) throw new Error('its marks stay');
  });
  const refresh = () => performJob(refreshUsers, handler, {}, parts);
  /** The lists are stored, and what comes after that fails: the same marks come again. */
  const refreshInVain = async () => {
    failing = true;
    await refresh().catch((error: Error) => expect(error.message).toBe('its marks stay'));
    failing = false;
  };
  return { db, sql, products, users, memory, counts, meanwhile, refresh, refreshInVain };
};

test.each([
  ['everything', 1_000],
  ['what a user did with all of a few products', 40],
  ['less than most users did', 12],
])(
  'what is remembered and what came since is what lies in the tables, whatever happened in whatever order: %s',
  {
    timeout: 120_000,
  },
  async (_, newest) => {
    const { sql, products, users, counts, refresh, refreshInVain } = await open(newest);
    const random = createRandom(Number(process.env.DEED_SEED ?? 5), 'deeds');
    const sessions = [uuidv7(), uuidv7()];
    const add = async (on: postgres.ISql, count = random.int(1, 5)) => {
      const rows = Array.from({ length: count }, () => ({
        ...{
          user_id: random.pick(users),
          event_type: random.pick(['view', 'view', 'click', 'search', 'rate']),
        },
        ...{ product_id: random.pick(products), session_id: random.pick(sessions) },
        event_value: random.pick([null, 1, 4.5, 3_000]),
      }));
      await on`insert into interactions ${on(rows)}`;
    };
    /** Transactions that have added something and have not committed. */
    const waiting: (() => Promise<void>)[] = [];
    const begin = async () => {
      const own = await sql.reserve();
      await own`begin`;
      await add(own);
      waiting.push(async () => {
        await own.unsafe(random.chance(0.8) ? 'commit' : 'rollback');
        own.release();
      });
    };
    const end = async () => {
      await waiting.splice(random.int(0, waiting.length - 1), 1)[0]?.();
    };
    const rare = [
      () => sql`
      delete from interactions where event_type = 'rate' and product_id = ${random.pick(products)}`,
      () => sql`
      insert into purchase_history (user_id, product_id, unit_price, total_price)
      values (${random.pick(users)}, ${random.pick(products)}, 1, 1)`,
      () => sql`delete from interactions where id = (select max(id) from interactions)`,
      () => sql`
      update interactions set product_id = ${random.pick(products)} where id = (select max(id) - 1 from interactions)`,
      // A part of a transaction has a number of its own.
      () => sql.begin((whole) => whole.savepoint((part) => add(part))),
      () => sql`delete from interactions where user_id = ${random.pick(users)} and random() < 0.5`,
    ];
    for (let step = 0; step < 250; step += 1) {
      if (random.chance(0.7)) await add(sql);
      if (waiting.length < 2 && random.chance(0.3)) await begin();
      if (waiting.length > 0 && random.chance(0.4)) await end();
      if (random.chance(0.15)) await random.pick(rare)();
      if (random.chance(0.2)) await refreshInVain();
      if (random.chance(0.7)) await refresh();
    }
    while (waiting.length > 0) await end();
    await refresh();
    expect(counts.grown).toBeGreaterThan(newest < 40 ? 10 : 100);
    expect(counts.whole).toBeGreaterThan(20);
  },
);

test('who did more than counts, and who was not there for long, is read anew', async () => {
  const newest = 60;
  const { db, sql, products, users, counts, meanwhile, refresh } = await open(newest);
  const [user = '', other = ''] = users;
  const view = (of: string, count: number) => sql`
    insert into interactions (user_id, product_id, event_type)
    select ${of}, ${products[0] ?? ''}, 'view' from generate_series(1, ${count})`;
  const after = async (happening: () => Promise<unknown>) => {
    Object.assign(counts, { grown: 0, whole: 0 });
    await happening();
    await refresh();
    return { ...counts };
  };
  await refresh();
  expect(await after(() => view(user, 59))).toEqual({ grown: 0, whole: 1 });
  expect(await after(() => view(user, 1))).toEqual({ grown: 1, whole: 0 });
  // However many events there are: they are few products and kinds.
  expect(await after(() => view(user, 1))).toEqual({ grown: 1, whole: 0 });
  expect(await after(() => view(user, 10_000))).toEqual({ grown: 0, whole: 1 });
  expect(await after(() => view(user, 1_000))).toEqual({ grown: 1, whole: 0 });
  const buy = () => sql`
    insert into purchase_history (user_id, product_id, unit_price, total_price)
    values (${user}, ${products[0] ?? ''}, 1, 1)`;
  expect(await after(buy)).toEqual({ grown: 0, whole: 1 });
  expect(await after(() => view(user, 1))).toEqual({ grown: 1, whole: 0 });
  // What came between the statement that finds out how much there is and the one that adds it up counts once.
  meanwhile.push(() => view(user, 1));
  expect(await after(buy)).toEqual({ grown: 1, whole: 1 });
  expect(meanwhile).toEqual([]);

  // Two visits in one statement: the rows of one lie between those of the other.
  const visits = [uuidv7(), uuidv7()];
  expect(await after(() => view(users[3] ?? '', 1))).toEqual({ grown: 0, whole: 1 });
  const turns = () => sql`
    insert into interactions (user_id, product_id, event_type, session_id)
    select ${users[3] ?? ''}, ${products[0] ?? ''}, 'view', (${visits}::uuid[])[1 + n % 2] from generate_series(1, 5) as n`;
  expect(await after(turns)).toEqual({ grown: 1, whole: 0 });

  // Ratings are not counted among the others, and only the first one of a product can be added.
  const rate = (...rated: [product: number, value: number][]) => sql`
    insert into interactions ${sql(
      rated.map(([product, event_value], nth) => ({
        ...{ user_id: users[2] ?? '', product_id: products[product] ?? '', event_type: 'rate', event_value },
        created_at: new Date(Date.UTC(2026, 0, 1 + nth)),
      })),
    )}`;
  // Products get their numbers when somebody turns to them first.
  await sql`
    insert into interactions (user_id, product_id, event_type)
    select ${users[3] ?? ''}, id, 'view' from unnest(${products}::uuid[]) as id`;
  await refresh();
  expect(await after(() => view(users[2] ?? '', newest - 1))).toEqual({ grown: 0, whole: 1 });
  expect(await after(() => rate([0, 4], [1, 2]))).toEqual({ grown: 1, whole: 0 });
  expect(await after(() => rate([2, 200]))).toEqual({ grown: 1, whole: 0 });
  expect(await after(() => rate([3, 1], [1, 5]))).toEqual({ grown: 0, whole: 1 });
  expect(await after(() => rate([4, 1], [4, 5]))).toEqual({ grown: 0, whole: 1 });

  const now = { ms: 0 };
  const fleeting = createDeedMemory(db, { types, newest, forMs: 1_000, mostDeeds: 1, now: () => now.ms });
  const additions = { rows: [], asOf: { readAt: 1, snapshot: '3:3:' } };
  const recall = async (...ids: string[]) => {
    const recalled = await fleeting.recall(ids.map((id) => ({ id, additions })));
    for (const one of recalled) fleeting.remember(one);
    return recalled.map(({ grownFrom }) => (grownFrom === undefined ? 'whole' : 'grown'));
  };
  await view(other, 3);
  expect(await recall(other)).toEqual(['whole']);
  expect(await recall(other)).toEqual(['grown']);
  now.ms = 1_000;
  expect(await recall(other)).toEqual(['whole']);
  await view(users[4] ?? '', 3);
  expect(await recall(users[4] ?? '')).toEqual(['whole']);
  // There is room for one deed, and two are remembered: the one that was of use longest ago goes.
  expect(await recall(other)).toEqual(['whole']);
});
