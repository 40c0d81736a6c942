import { v7 as uuidv7 } from 'uuid';
import { expect, test } from 'vitest';
import { recordInteractions } from '../../jobs/record-interactions.ts';
import { eventually } from '../../test/support/eventually.ts';
import { setup } from '../../test/support/setup.ts';
import { countInteractions, insertProducts, interaction } from '../../test/support/shop.ts';
import { parkEvents } from '../db/parked-events.ts';
import { payloadHash } from '../queue/payload-hash.ts';
import { pepperOf } from '../queue/secrets.ts';

const start = async () => {
  const system = await setup();
  const { url, keys } = await system.startApi();
  const headers = { authorization: `Bearer ${keys.admin}`, 'content-type': 'application/json' };
  const ask = async (path: string, body?: unknown) => {
    const answer = await fetch(url + path, {
      headers,
      ...(body !== undefined && { method: 'POST', body: JSON.stringify(body) }),
    });
    return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
  };
  /** Put events aside as failed, as a worker would. */
  const park = async (events: ReturnType<typeof interaction>[], reason = 'invalid') => {
    await parkEvents(system.db, {
      job: recordInteractions.name,
      state: 'failed',
      again: false,
      waitSeconds: 600,
      pepper: pepperOf(system.config),
      events: events.map((event) => ({
        event_id: event.event_id,
        payload: event,
        payload_hash: payloadHash(event),
        reason,
      })),
    });
    return events.map((event) => event.event_id);
  };
  const statesOf = async (ids: string[]) =>
    Promise.all(ids.map(async (id) => (await ask(`/v1/events/${id}`)).body.state));
  return { ...system, ask, park, statesOf };
};

test('status tells what is queued, and idle only when nothing is left to do', async () => {
  const { ask, producer, park, startWorkers } = await start();
  expect((await ask('/v1/admin/status')).body).toMatchObject({
    idle: true,
    training: false,
    waiting_events: 0,
    parked_events: 0,
    index: null,
    model: null,
  });
  await park([interaction()]);
  await producer.enqueue(recordInteractions, { events: [interaction()] });
  const busy = (await ask('/v1/admin/status')).body;
  expect(busy).toMatchObject({ idle: false, parked_events: 1 });
  const queues = busy.queues as { name: string; oldest_age_ms: number }[];
  expect(queues).toHaveLength(13);
  const queue = queues.find(({ name }) => name === 'interactions');
  expect(queue).toMatchObject({ waiting: 1, active: 0, delayed: 0, failed: 0 });
  expect(queue?.oldest_age_ms).toBeGreaterThanOrEqual(0);
  expect(queue?.oldest_age_ms).toBeLessThan(60_000);
  startWorkers();
  await eventually(async () =>
    expect((await ask('/v1/admin/status')).body).toMatchObject({
      idle: true,
      waiting_events: 1,
      parked_events: 1,
    }),
  );
});

test('parked events are listed page by page, filtered, with personal fields masked', async () => {
  const { ask, park } = await start();
  const ids = await park(Array.from({ length: 5 }, () => interaction({ device: { ip: '10.0.0.1' } })));
  await park([interaction()], 'other');
  const seen: string[] = [];
  let path = '/v1/admin/failed?limit=2&reason=invalid';
  for (;;) {
    const { status, body } = await ask(path);
    expect(status).toBe(200);
    expect(JSON.stringify(body)).not.toContain('10.0.0.1');
    seen.push(...(body.items as { event_id: string }[]).map(({ event_id }) => event_id));
    if (body.next_cursor === null) break;
    path = `/v1/admin/failed?limit=2&reason=invalid&cursor=${body.next_cursor}`;
  }
  expect(seen.sort()).toEqual([...ids].sort());
  expect((await ask('/v1/admin/failed?state=waiting')).body.items).toEqual([]);
  expect((await ask('/v1/admin/failed?job=no-such')).body.items).toEqual([]);
  expect((await ask('/v1/admin/failed?state=gone')).status).toBe(400);
});

test('a repaired event is applied when it is replayed, and the replay is written down', async () => {
  const { ask, park, statesOf, startWorkers, db } = await start();
  startWorkers();
  const [product] = await insertProducts(db, 1);
  const ids = await park([interaction({ product_id: product, platform: 'a\0b' })]);
  const unknown = uuidv7();

  const bad = await ask('/v1/admin/failed/replay', { event_ids: ids, patch: { platform: 7, colour: 'red' } });
  expect(bad.status).toBe(400);
  const paths = (bad.body.errors as { path: string }[]).map(({ path }) => path);
  expect(paths.sort()).toEqual(['/patch/colour', '/patch/platform']);
  expect(await statesOf(ids)).toEqual(['failed']);

  const good = await ask('/v1/admin/failed/replay', {
    event_ids: [...ids, unknown],
    patch: { platform: 'web' },
  });
  expect(good).toEqual({ status: 202, body: { replayed: 1, not_found: [unknown] } });
  await eventually(async () => expect(await statesOf(ids)).toEqual(['applied']));
  const rows = await db`select platform from interactions`;
  expect(rows).toEqual([{ platform: 'web' }]);
  const audit = await db`select payload from system_audit where message = 'parked events replayed'`;
  expect(audit).toMatchObject([{ payload: { by: 'test-admin', replayed: 1, patched: ['platform'] } }]);

  // Applied meanwhile: there is nothing to replay any more.
  expect((await ask('/v1/admin/failed/replay', { event_ids: ids })).status).toBe(404);
});

test('all that failed is replayed, in jobs of at most 500', async () => {
  const { ask, park, startWorkers, db, producer } = await start();
  const [product] = await insertProducts(db, 1);
  await park(Array.from({ length: 1_201 }, () => interaction({ product_id: product })));
  const { status, body } = await ask('/v1/admin/failed/replay', { all: true });
  expect({ status, body }).toEqual({ status: 202, body: { replayed: 1_201, not_found: [] } });
  expect(await producer.queues.get('interactions')?.getWaitingCount()).toBe(3);
  startWorkers();
  await eventually(async () => expect(await countInteractions(db)).toBe(1_201));
  await eventually(async () => expect((await ask('/v1/admin/failed')).body.items).toEqual([]));
});

test('refuses to replay what is not clearly named', async () => {
  const { ask } = await start();
  for (const body of [
    {},
    { all: true, event_ids: [uuidv7()] },
    { all: false },
    { event_ids: [] },
    { event_ids: ['x'] },
    { all: true, patch: { event_id: uuidv7() } },
    { all: true, patch: [] },
    { all: true, only: 1 },
  ]) {
    expect((await ask('/v1/admin/failed/replay', body)).status, JSON.stringify(body)).toBe(400);
  }
});
