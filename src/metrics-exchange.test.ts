import { randomBytes } from 'node:crypto';
import { Redis } from 'ioredis';
import { expect, inject, onTestFinished, test } from 'vitest';
import { eventually } from '../test/support/eventually.ts';
import { removeKeys } from '../test/support/remove-keys.ts';
import { setup } from '../test/support/setup.ts';
import { createMetrics, type Metrics } from './metrics.ts';
import { renderAllMetrics, startMetricsExchange } from './metrics-exchange.ts';

const start = async () => {
  const url = inject('redisQueueUrl');
  const redis = new Redis(url);
  const prefix = `t-${randomBytes(5).toString('hex')}`;
  onTestFinished(async () => {
    redis.disconnect();
    await removeKeys(url, prefix);
  });
  const own = createMetrics();
  const scrape = () => renderAllMetrics({ redis, prefix, own });
  const accepted = async () => /^zyra_events_accepted_total\{.*\} (\d+)$/m.exec(await scrape())?.[1];
  /** Make every process look as silent as one that was killed a while ago. */
  const silence = async () => {
    const key = `{${prefix}:metrics}:beats`;
    for (const id of await redis.zrange(key, '0', '-1')) await redis.zadd(key, 'XX', '1', id);
  };
  const join = (processName: string, metrics: Metrics = createMetrics()) => ({
    metrics,
    exchange: startMetricsExchange({ redis, prefix, metrics, processName }),
  });
  return { redis, prefix, scrape, accepted, silence, join };
};

test('counters and histograms are summed over processes, gauges told apart', async () => {
  const { join, scrape, accepted } = await start();
  const one = join('api');
  const two = join('worker');
  one.metrics.accepted.inc({ type: 'interaction' }, 3);
  two.metrics.accepted.inc({ type: 'interaction' }, 4);
  two.metrics.eventToApplied.observe({ type: 'interaction' }, 0.2);
  one.metrics.eventToApplied.observe({ type: 'interaction' }, 0.02);
  await eventually(async () => expect(await accepted()).toBe('7'));
  const text = await scrape();
  expect(text).toContain('zyra_event_to_applied_seconds_count{type="interaction"} 2');
  expect(text).toContain('zyra_event_to_applied_seconds_bucket{le="0.025",type="interaction"} 1');
  expect(text.match(/^zyra_process_up\{.*\} 1$/gm)).toHaveLength(2);
  expect(text).toMatch(/^zyra_process_resident_memory_bytes\{process="api-[^"]+"\} \d+/m);
  for (const { exchange } of [one, two]) await exchange.stop();
});

test('sums do not go back when processes end, however many scrape at once', async () => {
  const { join, scrape, accepted, redis, prefix } = await start();
  for (let round = 0; round < 3; round += 1) {
    const { metrics, exchange } = join('api');
    metrics.accepted.inc({ type: 'interaction' }, 5);
    await exchange.stop();
  }
  const sums = await Promise.all(Array.from({ length: 10 }, accepted));
  expect(sums).toEqual(Array.from({ length: 10 }, () => '15'));
  expect(await accepted()).toBe('15');
  expect(await redis.hlen(`{${prefix}:metrics}:snapshots`)).toBe(0);
  expect(await scrape()).not.toMatch(/^zyra_process_up\{/m);
});

test('a process that comes back after it was taken for dead is not counted twice', async () => {
  const { join, accepted, silence, redis, prefix } = await start();
  const { metrics, exchange } = join('worker');
  metrics.accepted.inc({ type: 'interaction' }, 5);
  await eventually(async () => expect(await accepted()).toBe('5'));
  await silence();
  expect(await accepted()).toBe('5');
  metrics.accepted.inc({ type: 'interaction' }, 2);
  await eventually(async () => expect(await accepted()).toBe('7'));
  await exchange.stop();
  expect(await accepted()).toBe('7');
  expect(await redis.hlen(`{${prefix}:metrics}:snapshots`)).toBe(0);
});

test('one scrape shows requests, queues, books and servers; with Redis away it still answers', async () => {
  const { startApi, producer } = await setup();
  const { url, keys } = await startApi();
  const scrape = async () => {
    const answer = await fetch(`${url}/metrics`, { headers: { authorization: `Bearer ${keys.admin}` } });
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
    return answer.text();
  };
  await fetch(`${url}/healthz`);
  await eventually(async () =>
    expect(await scrape()).toMatch(
      /zyra_http_request_seconds_count\{method="GET",route="\/healthz",status="200"\} 1/,
    ),
  );
  const text = await scrape();
  for (const line of [
    'zyra_queue_jobs{queue="interactions",state="waiting"} 0',
    'zyra_queue_oldest_age_seconds{queue="interactions"} 0',
    'zyra_intake_accepted_events_total 0',
    'zyra_intake_open_events 0',
    'zyra_parked_events{state="failed"} 0',
    'zyra_postgres_up 1',
    'zyra_redis_up{server="queue"} 1',
    'zyra_redis_up{server="cache"} 1',
    'zyra_stale_keys{kind="list"} 0',
    'zyra_served_version{kind="model"} 0',
    'zyra_served_version{kind="index"} 0',
  ]) {
    expect(text).toContain(line);
  }
  expect(text).toMatch(/zyra_redis_memory_bytes\{server="cache",kind="allowed"\} 268435456/);
  expect(text).toMatch(/zyra_postgres_database_bytes \d{7}/);
  expect(text).toMatch(/zyra_artifacts_disk_bytes\{kind="free"\} \d{7}/);
  const names = [...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name);
  expect(new Set(names).size).toBe(names.length);

  producer.redis.disconnect();
  const alone = await scrape();
  expect(alone).toContain('zyra_redis_up{server="queue"} 0');
  expect(alone).not.toContain('zyra_intake_open_events');
  expect(alone).toContain('zyra_postgres_up 1');
  expect(alone).toContain('zyra_http_request_seconds_count');
  const ready = await fetch(`${url}/readyz`);
  expect(ready.status).toBe(503);
  expect(await ready.json()).toEqual({
    ready: false,
    postgresql: 'up',
    redis_queue: 'down',
    redis_cache: 'up',
    migrations: 'up to date',
    index: 'none',
  });
});
