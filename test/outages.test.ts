import { readFileSync } from 'node:fs';
import { v7 as uuidv7 } from 'uuid';
import { expect, test } from 'vitest';
import { createClient } from './support/client.ts';
import { eventually } from './support/eventually.ts';
import { countInteractions, insertProducts } from './support/shop.ts';
import { type RunningSystem, startSystem } from './support/system.ts';

/**
 * The deadline is 1 s, and answers come within 1.1 s; this only tells an answer from a hang, because the caller shares
 * two busy cores with everything else the suite runs.
 */
const deadlineMs = 5_000;

/** Taking over a job whose worker was cut off takes its lock's 10 s and two looks of 5 s. */
const takeoverMs = 40_000;

/** A caller that knows what it sent and what was accepted; a 503 may have been taken all the same. */
const createCaller = async ({ url, keys, db }: RunningSystem) => {
  const [product_id] = await insertProducts(db, 1);
  const client = createClient(url, keys.write);
  const sent = new Set<string>();
  const accepted = new Set<string>();
  const post = async (events = [newEvent()]) => {
    for (const { event_id } of events) sent.add(event_id);
    const began = Date.now();
    const answer = await client.post('/v1/interactions', events);
    if (answer.status === 202) for (const { event_id } of events) accepted.add(event_id);
    return { ...answer, ms: Date.now() - began };
  };
  const newEvent = () => ({ event_id: uuidv7(), user_id: uuidv7(), product_id, event_type: 'view' });
  return {
    accepted,
    post,
    /** Post new events, and again while the answer is 503, as callers should: a busy machine misses deadlines. */
    insist: async (count: number, withinMs = deadlineMs) => {
      const events = Array.from({ length: count }, newEvent);
      await eventually(async () => expect((await post(events)).status).toBe(202), withinMs);
    },
    /** All that was accepted took effect, what did take effect was sent, and each of it once. */
    expectApplied: async () => {
      const rows = await db<{ event_id: string }>`select event_id from processed_events`;
      const applied = new Set(rows.map(({ event_id }) => event_id));
      expect([...accepted].filter((id) => !applied.has(id))).toEqual([]);
      expect([...applied].filter((id) => !sent.has(id))).toEqual([]);
      expect(await countInteractions(db)).toBe(rows.length);
    },
  };
};

const expectRunning = ({ processes }: RunningSystem) => {
  for (const child of Object.values(processes)) expect(() => process.kill(child.pid, 0)).not.toThrow();
};

/** Resident memory of a process in MiB. */
const residentMiB = (pid: number): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;

test('Redis gone: 503 at once and flat memory; back: taken and applied again, by the same processes', async () => {
  const system = await startSystem();
  const { kill, restart, processes } = system;
  const { post, insist, expectApplied } = await createCaller(system);
  // Enough for the process to have its working size.
  for (let i = 0; i < 20; i += 1) await Promise.all(Array.from({ length: 50 }, () => insist(1)));
  const before = residentMiB(processes.api.pid);

  await kill('queue');
  const outageEnds = Date.now() + 8_000; // Past the 6 s after which older BullMQ never came back.
  let refused = 0;
  while (Date.now() < outageEnds) {
    const answers = await Promise.all(Array.from({ length: 50 }, () => post()));
    for (const answer of answers) {
      expect(answer.status).toBe(503);
      expect(answer.ms).toBeLessThan(deadlineMs);
      expect(answer.headers.get('retry-after')).toBe('1');
      expect(answer.headers.get('content-type')).toContain('application/problem+json');
    }
    refused += answers.length;
  }
  expect(refused).toBeGreaterThan(100);
  expect(residentMiB(processes.api.pid)).toBeLessThan(before + 64);

  await restart('queue');
  await insist(1, 15_000);
  await eventually(expectApplied, takeoverMs);
  expectRunning(system);
}, 120_000);

test('a Redis that swallows commands without a word: 503 within the deadline, and back by itself', async () => {
  const system = await startSystem();
  const { post, insist, expectApplied } = await createCaller(system);
  await insist(1);

  system.servers.queue.kill('SIGSTOP');
  for (let round = 0; round < 5; round += 1) {
    const answers = await Promise.all(Array.from({ length: 100 }, () => post()));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([503]));
    expect(Math.max(...answers.map(({ ms }) => ms))).toBeLessThan(deadlineMs);
  }
  system.servers.queue.kill('SIGCONT');
  await insist(1, 15_000);
  await eventually(expectApplied, takeoverMs);
  expectRunning(system);
}, 120_000);

test('PostgreSQL gone: intake goes on, nothing is parked or failed, all is applied after, by the same processes', async () => {
  const system = await startSystem();
  const { url, keys, db, kill, restart } = system;
  const { insist, expectApplied } = await createCaller(system);
  // The API learns keys from PostgreSQL, and those it knows go on working without it.
  await insist(1);
  await kill('postgres');
  const ends = Date.now() + 8_000;
  while (Date.now() < ends) await insist(20);
  await restart('postgres');
  await eventually(expectApplied, takeoverMs);
  expect(await db`select event_id from parked_events`).toEqual([]);
  const status = await createClient(url, keys.admin).get('/v1/admin/status');
  expect(status.json.queues.filter(({ failed }: { failed: number }) => failed > 0)).toEqual([]);
  expectRunning(system);
}, 120_000);
