import { Redis } from 'ioredis';
import { recordInteractions } from '../../../jobs/record-interactions.ts';
import { createLog } from '../../../src/log.ts';
import { createProducer } from '../../../src/queue/producer.ts';
import { connectForRequests, ready } from '../../../src/queue/redis.ts';
import { expectedTables, type Sent } from '../../model.ts';
import { createClient } from '../../support/client.ts';
import { randomShop } from '../../support/random-shop.ts';
import { differences, readTables } from '../../support/tables.ts';
import { countJobs } from '../run.ts';
import type { Scenario, Stage } from '../scenario.ts';
import type { ShopEvent } from '../shop-events.ts';

/** Put events into the queue as the door would, in jobs of `size`. */
const enqueue = async ({ rig }: Stage, events: readonly Record<string, unknown>[], size: number) => {
  const redis = connectForRequests(rig.system.servers.queue.url, createLog('faults', 'silent'), 10_000);
  const producer = createProducer(redis, { prefix: 'zyra', timeoutMs: 10_000 });
  try {
    await ready(redis, 10_000);
    for (let from = 0; from < events.length; from += size)
      await producer.enqueue(recordInteractions, { events: events.slice(from, from + size) });
  } finally {
    await producer.close();
  }
};

/** The event as it lies in the queue. */
const stored = ({ event_id, at, fields }: ShopEvent): Record<string, unknown> => ({
  ...{ event_id, received_at: at, occurred_at: at },
  ...fields,
});

/** By the system's own books, which are only waited for: the judge reads the rows. */
const countApplied = async ({ judge }: Stage, events: readonly ShopEvent[]): Promise<number> => {
  const rows = await judge.db`
    select from processed_events where event_id = any(${events.map(({ event_id }) => event_id)}::uuid[])`;
  return rows.length;
};

/** What the door refuses and a queue of last month may hold all the same. */
const poisons: readonly [name: string, spoil: (event: Record<string, unknown>) => void][] = [
  ['NUL', (event) => Object.assign(event, { platform: 'a\0b' })],
  ['lone surrogate', (event) => Object.assign(event, { device: { event: '\ud800' } })],
  ['1e400', (event) => Object.assign(event, { event_value: '1e400' })],
  ['number out of range', (event) => Object.assign(event, { event_value: '1'.repeat(200_000) })],
  ['a megabyte of text', (event) => Object.assign(event, { event_type: 'x'.repeat(1_000_000) })],
  ['wrong type', (event) => Object.assign(event, { user_id: 42 })],
  ['a field of the future', (event) => Object.assign(event, { mood: 'sunny' })],
];

/** The request that carries an event of the model. */
const send = async (call: ReturnType<typeof createClient>, { job, event }: Sent): Promise<number> => {
  const { received_at: _, op, ...fields } = event;
  const { event_id, occurred_at, user_id, ...rest } = fields;
  if (job.name === 'merge-users')
    return (await call.post(`/v1/users/${user_id}/merge`, { event_id, occurred_at, ...rest })).status;
  const [only = 'put'] = Object.keys(job.ops);
  return (await call.ndjson([{ type: job.type, op: op ?? only, ...fields }])).status;
};

export const events: readonly Scenario[] = [
  {
    name: 'F10-same-event-a-thousand-times',
    promise:
      'one event posted over and over to every API at once, and again when its jobs are long gone: counted once',
    async run(stage) {
      const { load, shop, at, until, patience } = stage;
      const event = shop.interaction();
      const many = at({ s: 200, m: 1_000, l: 1_000 });
      const all = await Promise.all(Array.from({ length: many }, () => load.send([event])));
      stage.expect(all.every(Boolean), 'not all were accepted');
      await until('it is applied', async () => (await countApplied(stage, [event])) > 0, patience * 10_000);
      const redis = new Redis(stage.rig.system.servers.queue.url);
      await until(
        'its jobs are gone',
        async () => {
          const { wait, active } = await countJobs(redis, 'interactions');
          return wait === 0 && active === 0;
        },
        patience * 10_000,
      );
      redis.disconnect();
      await Promise.all(Array.from({ length: 20 }, () => load.send([event])));
    },
  },
  {
    name: 'F11-same-id-another-event',
    promise: 'the same id with another payload: the first stands, the conflict is counted and shown',
    async run(stage) {
      const { load, shop, judge, rig, until, patience, expect } = stage;
      const firsts = Array.from({ length: 20 }, () => shop.interaction());
      await load.send(firsts);
      await until(
        'they are applied',
        async () => (await countApplied(stage, firsts)) === 20,
        patience * 10_000,
      );
      const others = firsts.map((event) => ({ ...event, fields: { ...event.fields, event_type: 'share' } }));
      await load.send(others);
      const ids = firsts.map(({ event_id }) => event_id);
      await until(
        'every conflict is counted',
        async () =>
          (await judge.db`select from event_conflicts where event_id = any(${ids}::uuid[])`).length === 20,
        patience * 10_000,
      );
      const overwritten = await judge.db`
        select from interactions where event_type = 'share' and device ->> 'event' = any(${ids}::text[])`;
      expect(overwritten.length === 0, `${overwritten.length} were overwritten`);
      const { json } = await createClient(rig.urls()[0] as string, rig.system.keys.read).get(
        `/v1/events/${ids[0]}`,
      );
      expect(json.state === 'applied' && json.conflicts === 1, `shown as ${JSON.stringify(json)}`);
    },
  },
  {
    name: 'F12-any-order',
    promise:
      'random histories of everything, in any order, with repeats, while processes die: the tables of the model (D2)',
    async run(stage) {
      const { rig, judge, random, at, expect, until, patience, note } = stage;
      const share = at({ s: 1, m: 10, l: 100 });
      const sent = randomShop(
        random,
        {
          ...{ users: 20 * share, products: 10 * share, sessions: 15 * share, reviews: 20 * share },
          ...{ orders: 15 * share, merges: 3 * share, events: 250 * share },
        },
        (secret) => secret,
      ).filter(({ event }) => event.password_hash === undefined);
      const ids = (field: string) => sent.flatMap(({ event }) => (event[field] as string | undefined) ?? []);
      await judge.leaveOut([...new Set(ids('product_id'))]);
      const arrival = random.shuffle([...sent, ...sent.filter(() => random.chance(0.1))]);
      let next = 0;
      const kills = (async () => {
        for (let kill = 0; kill < at({ s: 2, m: 10, l: 40 }); kill += 1) {
          const from = next;
          await until('events are taken', async () => next > from + 50 || next >= arrival.length, 60_000);
          await rig.killProcess(random.pick([...rig.api, ...rig.worker]));
        }
      })();
      const client = async () => {
        while (next < arrival.length) {
          const one = arrival[next++] as Sent;
          for (;;) {
            const call = createClient(random.pick(rig.urls()), rig.system.keys.admin);
            const status = await send(call, one).catch(() => 0);
            if (status === 202) break;
            if (status !== 0 && status !== 503) return expect(false, `${one.job.name}: ${status}`);
          }
        }
      };
      await Promise.all([kills, ...Array.from({ length: 8 }, client)]);
      note(`${arrival.length} events sent`);
      const known = new Set(
        ['user_id', 'from_user_id', 'product_id', 'session_id', 'review_id'].flatMap(ids),
      );
      const expected = expectedTables(sent, (text) => text);
      let last: ReturnType<typeof differences> = [];
      await until(
        'the tables equal the model',
        async () => {
          const found = await readTables(judge.db);
          for (const [table, rows] of Object.entries(found))
            found[table] = rows.filter(
              (row) =>
                table === 'categories' || (row.match(/[0-9a-f-]{36}/g) ?? []).some((id) => known.has(id)),
            );
          last = differences(found, expected);
          return last.length === 0;
        },
        patience * 60_000,
      );
      expect(last.length === 0, `tables differ: ${JSON.stringify(last).slice(0, 2_000)}`);
    },
  },
  {
    name: 'F13-poison',
    promise:
      'one event in a batch that nothing can store: it alone is set aside with its reason, and goes when repaired',
    async run(stage) {
      const { load, shop, judge, at, until, patience, expect, rig } = stage;
      const size = at({ s: 100, m: 1_000, l: 1_000 });
      const good: ShopEvent[] = [];
      const bad: ShopEvent[] = [];
      const batches = poisons.map(([, spoil]) => {
        const batch = Array.from({ length: size }, () => shop.interaction());
        const place = stage.random.below(size);
        const [spoilt] = batch.splice(place, 1) as [ShopEvent];
        bad.push({ ...spoilt, planted: true });
        good.push(...batch);
        const whole = batch.map(stored);
        const event = stored(spoilt);
        spoil(event);
        whole.splice(place, 0, event);
        return whole;
      });
      load.note([...good, ...bad]);
      for (const batch of batches) await enqueue(stage, batch, size);
      await until(
        'the others are applied',
        async () => (await countApplied(stage, good)) === good.length,
        patience * 5_000,
      );
      const ids = bad.map(({ event_id }) => event_id);
      const parked = () => judge.db<{ event_id: string; state: string; reason: string }>`
        select event_id, state, reason from parked_events where event_id = any(${ids}::uuid[])`;
      await until(
        'the poison is set aside',
        async () => (await parked()).length === ids.length,
        patience * 5_000,
      );
      for (const { event_id, state, reason } of await parked())
        expect(state === 'failed' && reason.length > 0, `${event_id} is ${state}`);
      const audited = await judge.db`
        select from system_audit where message = 'event parked' and payload ->> 'event_id' = any(${ids}::text[])`;
      expect(audited.length === ids.length, `${audited.length} of ${ids.length} stand in the audit`);

      // One that was repaired takes effect.
      const whole = shop.interaction();
      load.note([whole]);
      await enqueue(stage, [{ ...stored(whole), event_type: 'x'.repeat(1_000) }], 1);
      const waiting = () => judge.db`select from parked_events where event_id = ${whole.event_id}`;
      await until('it is set aside', async () => (await waiting()).length === 1, patience * 5_000);
      const admin = createClient(rig.urls()[0] as string, rig.system.keys.admin);
      const answer = await admin.post('/v1/admin/failed/replay', {
        event_ids: [whole.event_id],
        patch: { event_type: 'view' },
      });
      expect(answer.status === 202, `the replay: ${answer.status} ${answer.text}`);
      await until('it is applied', async () => (await countApplied(stage, [whole])) === 1, patience * 5_000);
    },
  },
  {
    name: 'F14-event-that-kills',
    promise:
      'an event that ends every worker that applies it: its neighbours apply within 60 s, it is parked with an audit row',
    drainMs: 90_000,
    async run(stage) {
      const { rig, load, shop, judge, until, patience, expect, note } = stage;
      const special = { FAULT_POINT: 'before-apply', FAULT_MARK: 'ends-its-worker', FAULT_STAYS: '1' };
      await Promise.all(rig.worker.map((worker) => worker.stop('SIGTERM')));
      const batch = Array.from({ length: 100 }, () => shop.interaction());
      const [killer] = batch.splice(37, 1) as [ShopEvent];
      killer.planted = true;
      const others = Array.from({ length: 100 }, () => shop.interaction());
      load.note([...batch, killer, ...others]);
      const deadly = { ...stored(killer), device: { event: killer.event_id, mark: special.FAULT_MARK } };
      await enqueue(stage, [...batch.map(stored), deadly], 200);
      await enqueue(stage, others.map(stored), 20);
      const before = rig.ownEnds();
      await Promise.all(rig.worker.map((worker) => worker.start(special)));
      const neighbours = [...batch, ...others];
      const took = await until(
        'its neighbours are applied',
        async () => (await countApplied(stage, neighbours)) === neighbours.length,
        patience * 60_000,
      );
      note(`neighbours applied after ${Math.round(took / 1_000)} s`);
      const parked = () => judge.db<{ state: string; reason: string }>`
        select state, reason from parked_events where event_id = ${killer.event_id}`;
      await until('it is parked', async () => (await parked()).length === 1, patience * 60_000);
      const [row] = await parked();
      expect(
        row?.state === 'failed' && row.reason === 'ended_its_worker',
        `parked as ${JSON.stringify(row)}`,
      );
      const audited = await judge.db`
        select from system_audit where message = 'event parked' and payload ->> 'event_id' = ${killer.event_id}`;
      expect(audited.length === 1, 'the audit does not have it');
      rig.kills += rig.ownEnds() - before;
      note(`${rig.ownEnds() - before} workers ended`);
      await Promise.all(rig.worker.map((worker) => worker.stop('SIGTERM')));
    },
  },
  {
    name: 'F19-oldest-form',
    promise: 'jobs as the oldest code wrote them, each event bare and alone: all applied, none failed',
    async run(stage) {
      const { load, shop, at, until, patience } = stage;
      const all = Array.from({ length: at({ s: 300, m: 10_000, l: 10_000 }) }, () => shop.interaction());
      load.note(all);
      const bare = all.map(({ event_id, at: received_at, fields }) => ({
        ...{ event_id, received_at, user_id: fields.user_id, product_id: fields.product_id },
        ...{ event_type: fields.event_type, device: fields.device },
      }));
      await enqueue(stage, bare, 1);
      await until(
        'all are applied',
        async () => (await countApplied(stage, all)) === all.length,
        patience * 60_000,
      );
    },
  },
];
