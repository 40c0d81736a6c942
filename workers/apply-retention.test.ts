import { expect, test } from 'vitest';
import { applyRetention } from '../jobs/apply-retention.ts';
import type { Db } from '../src/db/database.ts';
import { performJob } from '../test/support/perform-job.ts';
import { setup } from '../test/support/setup.ts';
import { insertProducts } from '../test/support/shop.ts';
import { handleApplyRetention } from './apply-retention.ts';

const old = 12_000;
const young = 300;

/** In every table with an age, rows a day past it and rows a day short of it. */
const plant = async (db: Db) => {
  const [product] = await insertProducts(db, 1);
  for (const [rows, beyond] of [
    [old, 1],
    [young, -1],
  ] as const) {
    await db`
      insert into processed_events (event_id, job, payload_hash, applied_at)
      select gen_random_uuid(), 'job', n, now() - (35 + ${beyond}::integer) * interval '1 day'
      from generate_series(1, ${rows}::integer) as n`;
    await db`
      insert into recommendation_logs (returned_at)
      select now() - (90 + ${beyond}::integer) * interval '1 day' - n * interval '1 second' * ${beyond}::integer
      from generate_series(1, ${rows}::integer) as n`;
    await db`
      insert into system_audit (component, severity, message, created_at)
      select 'old', 'info', 'entry', now() - (365 + ${beyond}::integer) * interval '1 day'
      from generate_series(1, ${rows}::integer)`;
    await db`
      insert into interactions (product_id, event_type, created_at)
      select ${product}::uuid, 'view', now() - (30 + ${beyond}::integer) * interval '1 day'
      from generate_series(1, ${rows}::integer)`;
    await db`
      insert into parked_events (event_id, job, state, reason, payload, payload_hash, parked_at)
      select gen_random_uuid(), 'job', (array['refused', 'failed', 'waiting'])[1 + n % 3], 'reason', '{}', n,
        now() - (35 + ${beyond}::integer) * interval '1 day'
      from generate_series(1, 30) as n`;
  }
  await db`
    insert into event_conflicts (event_id, job)
    (select event_id, job from processed_events where applied_at < now() - interval '35 days' limit 20)
    union all (select event_id, job from processed_events where applied_at > now() - interval '35 days' limit 10)`;
  return product;
};

const count = async (db: Db) => {
  const [counts] = await db`
    select (select count(*)::integer from processed_events) as processed_events,
      (select count(*)::integer from recommendation_logs) as recommendation_logs,
      (select count(*)::integer from system_audit where component = 'old') as system_audit,
      (select count(*)::integer from interactions) as interactions,
      (select count(*)::integer from parked_events) as parked_events,
      (select count(*)::integer from event_conflicts) as event_conflicts`;
  return counts;
};

/** Of 30 refused, failed and waiting ones before and after the age, the ten old refused ones go. */
const kept = {
  processed_events: young,
  recommendation_logs: young,
  system_audit: young,
  interactions: young,
  parked_events: 50,
  event_conflicts: 10,
};

test('what is past its age goes, and nothing else; it is audited and counted, and popularity follows', async () => {
  const { db, parts, metrics } = await setup({ INTERACTION_RETENTION_DAYS: '30' });
  const product = await plant(db);
  await performJob(applyRetention, handleApplyRetention, {}, parts);

  expect(await count(db)).toEqual(kept);
  expect(await db`select kind, key from stale_keys group by kind, key`).toEqual([
    { kind: 'popularity', key: product },
  ]);
  expect(
    await db`select state, count(*)::integer as events from parked_events group by state order by state`,
  ).toEqual([
    { state: 'failed', events: 20 },
    { state: 'refused', events: 10 },
    { state: 'waiting', events: 20 },
  ]);
  const removed = {
    processed_events: old,
    recommendation_logs: old,
    system_audit: old,
    interactions: old,
    parked_events: 10,
  };
  expect(await db`select severity, payload from system_audit where component = 'retention'`).toEqual([
    { severity: 'info', payload: { removed } },
  ]);
  expect(await metrics.registry.getSingleMetricAsString('zyra_retention_removed_total')).toContain(
    `{table="interactions"} ${old}`,
  );
  await performJob(applyRetention, handleApplyRetention, {}, parts);
  expect(await count(db)).toEqual(kept);
});

test('an age of 0 keeps for ever', async () => {
  const { db, parts } = await setup({ AUDIT_RETENTION_DAYS: '0', RECOMMENDATION_LOG_RETENTION_DAYS: '0' });
  await plant(db);
  await performJob(applyRetention, handleApplyRetention, {}, parts);
  const all = old + young;
  expect(await count(db)).toEqual({
    ...kept,
    interactions: all,
    system_audit: all,
    recommendation_logs: all,
  });
});

test('a run that dies between any two statements leaves no harm: the next one finishes', async () => {
  const { db, parts } = await setup({ INTERACTION_RETENTION_DAYS: '30' });
  await plant(db);
  let left = 0;
  const mortal = Object.assign(
    async (text: TemplateStringsArray, ...values: unknown[]) => {
      if (left === 0) throw new Error('killed');
      left -= 1;
      return db(text, ...values);
    },
    { fragment: db.fragment, end: db.end },
  ) as unknown as Db;
  let runs = 0;
  for (let done = false; !done; runs += 1) {
    left = 7 + 3 * runs;
    const run = performJob(applyRetention, handleApplyRetention, {}, { ...parts, db: mortal });
    done = await run.then(
      () => true,
      () => false,
    );
    const { processed_events, interactions, parked_events } = (await count(db)) as typeof kept;
    expect(Math.min(processed_events, interactions)).toBeGreaterThanOrEqual(young);
    expect(parked_events).toBeGreaterThanOrEqual(50);
  }
  expect(runs).toBeGreaterThan(3);
  expect(await count(db)).toEqual(kept);
});

test('stops between two statements when its process does', async () => {
  const { db, parts } = await setup();
  await plant(db);
  const stopped = { signal: AbortSignal.abort() };
  await expect(performJob(applyRetention, handleApplyRetention, {}, parts, stopped)).rejects.toThrow(
    'stopped',
  );
});
