import { v7 as uuidv7 } from 'uuid';
import { expect, onTestFinished, test } from 'vitest';
import { jobs } from '../jobs/index.ts';
import type { EventJob } from '../src/queue/define-job.ts';
import { type Experiments, startExperiments } from '../src/serving/experiments.ts';
import { createRecommendationLog } from '../src/serving/recommendation-log.ts';
import { applyNow } from './support/apply.ts';
import { createClient } from './support/client.ts';
import { drain } from './support/drain.ts';
import { eventually } from './support/eventually.ts';
import { dumpTables } from './support/everything.ts';
import { type System, setup } from './support/setup.ts';
import { insertProducts } from './support/shop.ts';

const halves = [
  { name: 'control', weight: 1, alpha: 0.6 },
  { name: 'more-content', weight: 1, alpha: 0.2 },
];

const at = (minutes: number) => new Date(Date.now() + minutes * 60_000).toISOString();

/** A system with an experiment; `show` answers as the recommendations route does. */
const openLab = async () => {
  const system = await setup();
  system.startWorkers();
  const api = await system.startApi();
  const client = createClient(api.url, api.keys.admin);
  const experiments = await startExperiments({ ...system, redis: system.producer.redis });
  onTestFinished(() => experiments.close());
  const log = createRecommendationLog(system);
  const products = await insertProducts(system.db, 20);
  const [one = '', two = '', three = ''] = products;
  const put = (body: unknown) => client.put('/v1/experiments/ranking', body);
  return {
    ...{ system, client, experiments, products, one, two, three, put },
    show: (userId: string, shown: string[] = [one, two]) => {
      const assigned = experiments.cohortOf('ranking', userId);
      log.add({ userId, products: shown, assigned, context: { request_id: uuidv7() } });
      return assigned?.cohort.name;
    },
    settle: async () => {
      await log.close();
      await drain(system);
    },
    report: async () => (await client.get('/v1/experiments/ranking/report')).json,
  };
};

const send = async (system: System, job: EventJob, events: readonly Record<string, unknown>[]) =>
  applyNow(
    system.parts,
    events.map((fields) => ({
      job,
      event: { event_id: uuidv7(), received_at: new Date().toISOString(), ...fields },
    })),
  );

/** Users of a cohort. */
const usersIn = (experiments: Experiments, cohort: string, count: number): string[] => {
  const found: string[] = [];
  while (found.length < count) {
    const user = uuidv7();
    if (experiments.cohortOf('ranking', user)?.cohort.name === cohort) found.push(user);
  }
  return found;
};

test('a definition is checked, stored, returned and fixed while it is active', async () => {
  const { client, put, system } = await openLab();
  const bad = await put({
    cohorts: [
      { name: 'a', weight: 1, alpha: 2 },
      { name: 'b', weight: 1, colour: 'red' },
    ],
    active: true,
  });
  expect(bad.status).toBe(400);
  expect(bad.json.errors.map(({ path }: { path: string }) => path).sort()).toEqual([
    '/cohorts/0/alpha',
    '/cohorts/1/colour',
  ]);
  for (const cohorts of [[], [{ name: 'a', weight: 0 }], [halves[0], halves[0]]])
    expect((await put({ cohorts, active: true })).status).toBe(400);
  expect((await client.get('/v1/experiments/ranking')).status).toBe(404);
  expect((await client.get('/v1/experiments/ranking/report')).status).toBe(404);

  const made = await put({ cohorts: halves, active: true });
  expect(made.status).toBe(200);
  expect(made.json).toMatchObject({ test_name: 'ranking', cohorts: halves, active: true, run: 1 });
  expect((await client.get('/v1/experiments/ranking')).json).toEqual(made.json);
  expect((await put({ cohorts: halves, active: true })).json).toEqual(made.json);

  const [control, other] = halves;
  for (const cohorts of [[control], [control, { ...other, weight: 2 }], [control, { ...other, alpha: 0.3 }]])
    for (const active of [true, false]) expect((await put({ cohorts, active })).status).toBe(409);
  expect((await put({ cohorts: halves, active: false })).json).toMatchObject({ active: false, run: 1 });
  const changed = await put({ cohorts: [control, { ...other, weight: 2 }], active: true });
  expect(changed.json).toMatchObject({ active: true, run: 2 });
  const audit = await system.db`select message from system_audit where component = 'experiments' order by id`;
  expect(audit.map(({ message }) => message)).toEqual([
    'experiment active',
    'experiment inactive',
    'experiment active',
  ]);
});

test('who only reads or writes may not define experiments', async () => {
  const system = await setup();
  const { url, keys } = await system.startApi();
  for (const key of [keys.read, keys.write]) {
    const client = createClient(url, key);
    expect((await client.put('/v1/experiments/x', { cohorts: halves, active: true })).status).toBe(403);
    expect((await client.get('/v1/experiments/x')).status).toBe(403);
    expect((await client.get('/v1/experiments/x/report')).status).toBe(403);
  }
});

test('a change is in every API process when it was answered', async () => {
  const lab = await openLab();
  const second = await lab.system.startApi();
  const other = createClient(second.url, lab.client ? second.keys.admin : '');
  const user = uuidv7();
  await other.put('/v1/experiments/ranking', { cohorts: halves, active: true });
  expect(lab.experiments.cohortOf('ranking', user)).toBeDefined();
  await lab.put({ cohorts: halves, active: false });
  expect(lab.experiments.cohortOf('ranking', user)).toBeUndefined();
});

test('a cohort is recorded once, and anew only in a new run', async () => {
  const lab = await openLab();
  const { system, put, show, settle } = lab;
  await put({ cohorts: halves, active: true });
  const users = Array.from({ length: 30 }, () => uuidv7());
  const unknown = uuidv7();
  await system.db`select stub_users(${users}::uuid[])`;
  const shown = users.map((user) => [user, show(user)]);
  show(unknown);
  for (const user of users) show(user);
  await settle();
  const recorded = async () =>
    (await system.db`select user_id, cohort from ab_tests where test_name = 'ranking' order by user_id`).map(
      ({ user_id, cohort }) => [user_id, cohort],
    );
  expect(await recorded()).toEqual(shown.sort());

  // What comes late of an earlier run is not recorded in the next.
  await put({ cohorts: halves, active: false });
  await put({ cohorts: [{ name: 'all', weight: 1 }], active: true });
  expect(await recorded()).toEqual([]);
  const assignments = users.map((user_id) => ({ test_name: 'ranking', run: 1, user_id, cohort: 'control' }));
  await system.producer.enqueue(jobs.assignCohorts, { assignments });
  show(users[0] as string);
  await settle();
  expect(await recorded()).toEqual([[users[0], 'all']]);
});

test('clicks and purchases count for what was shown in the day before, each once', async () => {
  const lab = await openLab();
  const { system, experiments, one, two, three, put, show, settle, report } = lab;
  await put({ cohorts: halves, active: true });
  const [buyer = '', reader = ''] = usersIn(experiments, 'control', 2);
  const [clicker = '', late = ''] = usersIn(experiments, 'more-content', 2);
  await system.db`update products set currency = 'INR' where product_id = ${one}`;
  await system.db`update products set currency = 'EUR' where product_id = ${two}`;
  await system.db`select stub_users(${[reader, clicker]}::uuid[])`;
  // Nobody has seen `buyer` and `late` yet.
  for (const user of [buyer, reader, clicker, late]) show(user);
  show(clicker);
  show(clicker, [three]);
  await settle();

  const click = (user_id: string, product_id: string, minutes: number, event_type = 'click') => ({
    ...{ user_id, product_id, event_type },
    created_at: at(minutes),
  });
  await send(system, jobs.recordInteractions, [
    click(clicker, one, 1),
    click(clicker, one, 2),
    click(clicker, two, 3),
    click(clicker, three, 3),
    // None of these: not a click, not shown, before, more than a day after.
    click(reader, one, 1, 'view'),
    click(reader, three, 1),
    click(reader, one, -10),
    click(late, one, 24 * 60 + 5),
  ]);
  const order = (user_id: string, product_id: string, unit_price: string, status: string, minutes = 1) => ({
    ...{
      user_id,
      order_id: uuidv7(),
      items: [{ product_id, quantity: 3, unit_price }],
      payment_status: status,
    },
    purchased_at: at(minutes),
  });
  await send(system, jobs.recordPurchases, [
    order(buyer, one, '24300.10', 'completed'),
    order(buyer, one, '0.05', 'completed'),
    order(buyer, two, '9.99', 'completed'),
    order(buyer, three, '5.00', 'completed'),
    order(buyer, one, '7.00', 'refunded'),
    order(buyer, one, '8.00', 'completed', -10),
    order(clicker, one, '1.00', 'pending'),
  ]);
  const { cohorts, mixed_users, verdict } = await report();
  expect(mixed_users).toBe(0);
  expect(verdict).toContain('too few');
  expect(cohorts[0]).toMatchObject({
    ...{ name: 'control', users: 2, impressions: 2, clicks: 0, clicked_impressions: 0, ctr: 0 },
    ...{ purchases: 3, buyers: 1, conversion: 0.5, revenue: { EUR: '29.97', INR: '72900.45' } },
  });
  expect(cohorts[1]).toMatchObject({
    ...{ name: 'more-content', users: 2, impressions: 4, clicks: 4, clicked_impressions: 2, ctr: 0.5 },
    ...{ purchases: 0, buyers: 0, conversion: 0, revenue: {} },
  });
  const [low, high] = cohorts[1].ctr_interval;
  expect(low).toBeGreaterThan(0);
  expect(high).toBeGreaterThan(0.8);
});

test('whoever signs in counts as the person; who was shown two cohorts counts for neither', async () => {
  const lab = await openLab();
  const { system, experiments, one, put, show, settle, report } = lab;
  await put({ cohorts: halves, active: true });
  const [visitor = '', person = '', mixedPerson = ''] = usersIn(experiments, 'control', 3);
  const [mixedVisitor = ''] = usersIn(experiments, 'more-content', 1);
  for (const user of [visitor, person, mixedPerson, mixedVisitor]) show(user);
  await settle();
  await send(system, jobs.mergeUsers, [{ user_id: person, from_user_id: visitor }]);
  await send(system, jobs.mergeUsers, [{ user_id: mixedPerson, from_user_id: mixedVisitor }]);
  await send(system, jobs.recordInteractions, [
    { user_id: visitor, product_id: one, event_type: 'click', created_at: at(1) },
    { user_id: mixedVisitor, product_id: one, event_type: 'click', created_at: at(1) },
  ]);
  const { cohorts, mixed_users } = await report();
  expect(mixed_users).toBe(1);
  expect(cohorts[0]).toMatchObject({ users: 1, impressions: 2, clicks: 1 });
  expect(cohorts[1]).toMatchObject({ users: 0, impressions: 0, clicks: 0, ctr: null, ctr_interval: null });
});

test('an erased reader is nowhere, also when nobody had ever seen them, and late answers leave nothing', async () => {
  const lab = await openLab();
  const { system, put, show, settle, report } = lab;
  await put({ cohorts: halves, active: true });
  const [known, unknown, bystander] = [uuidv7(), uuidv7(), uuidv7()];
  await system.db`select stub_users(${[known, bystander]}::uuid[])`;
  for (const user of [known, unknown, bystander]) show(user);
  await settle();
  const traces = async () =>
    (await dumpTables(system.db)).filter((line) => line.includes(known) || line.includes(unknown));
  expect((await traces()).length).toBeGreaterThan(3);

  await send(system, jobs.eraseUser, [{ user_id: known }]);
  await send(system, jobs.eraseUser, [{ user_id: unknown }]);
  for (const user of [known, unknown]) show(user);
  await settle();
  expect(await traces()).toEqual([]);
  expect(await system.db`select user_id from recommendation_logs`).toEqual([{ user_id: bystander }]);
  const { cohorts } = await report();
  expect(cohorts[0].users + cohorts[1].users).toBe(1);
});

test('what the log forgets, the report forgets', async () => {
  const lab = await openLab();
  await lab.put({ cohorts: halves, active: true });
  lab.show(uuidv7());
  await lab.settle();
  expect(await lab.system.db`select 1 from experiment_answers`).toHaveLength(1);
  await lab.system.db`delete from recommendation_logs`;
  expect(await lab.system.db`select 1 from experiment_answers`).toHaveLength(0);
});

test('over HTTP: a visitor nobody has seen is put into a cohort, shown something, and their click counts', async () => {
  const { system, client, put, settle, report } = await openLab();
  const slug = 'things';
  await client.put(`/v1/categories/${slug}`, { name: 'Things' });
  const ids = Array.from({ length: 5 }, () => uuidv7());
  for (const id of ids) await client.put(`/v1/products/${id}`, { name: `Thing ${id}`, category_slug: slug });
  await settle();
  expect((await put({ cohorts: halves, active: true })).status).toBe(200);
  const visitor = uuidv7();
  const ask = () => client.get(`/v1/users/${visitor}/recommendations?k=3&alpha=0.9&experiment=ranking`);
  const { json: shown } = await eventually(async () => {
    const answer = await ask();
    expect(answer.json.items).toHaveLength(3);
    return answer;
  });
  const cohort = halves.find(({ name }) => name === shown.cohort);
  expect(shown.alpha).toBe(cohort?.alpha);

  const clicked = { user_id: visitor, product_id: shown.items[0].product_id, event_type: 'click' };
  expect((await client.post('/v1/interactions', clicked)).status).toBe(202);
  const bought = {
    user_id: visitor,
    items: [{ product_id: shown.items[1].product_id, unit_price: '12.50' }],
  };
  expect((await client.post('/v1/purchases', bought)).status).toBe(202);
  await eventually(async () => {
    const { cohorts } = await report();
    const own = cohorts.find(({ name }: { name: string }) => name === shown.cohort);
    expect(own).toMatchObject({ users: 1, clicks: 1, clicked_impressions: 1, purchases: 1, buyers: 1 });
    expect(own.revenue).toEqual({ '?': '12.50' });
  });
  // Known by now: the next answer is recorded under their name, and so is their cohort.
  await ask();
  await eventually(async () => {
    const [row] =
      await system.db`select request_context ->> 'cohort' as cohort from recommendation_logs where user_id = ${visitor}`;
    expect(row).toEqual({ cohort: shown.cohort });
  });
});
