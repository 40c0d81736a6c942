import { untilDrained } from './drained.ts';
import { press } from './http.ts';
import { cycle } from './interactions.ts';
import type { BenchSystem } from './system.ts';

interface Commits {
  port: number;
  /** The events of all of them together are `perRequest` each. */
  requests: readonly Buffer[];
  perRequest: number;
  events: number;
  /** The queue they go through. */
  queue: string;
}

const countRows = async ({ db }: BenchSystem): Promise<number> => {
  const [found] = await db<{ rows: number }>`select count(*)::integer as rows from interactions`;
  return found?.rows ?? 0;
};

/**
 * Send so many events as fast as they are taken, and wait until each is a committed row.
 * @returns events a second, from the first request to the last commit.
 */
export const commitAll = async (
  system: BenchSystem,
  { port, requests, perRequest, events, queue }: Commits,
): Promise<number> => {
  const before = await countRows(system);
  const began = performance.now();
  await press({ port, connections: 8, requests: Math.ceil(events / perRequest), next: cycle(requests) });
  await untilDrained(system.queue, [queue]);
  const seconds = (performance.now() - began) / 1_000;
  const rows = (await countRows(system)) - before;
  // More when a request that was answered 503 had been taken all the same.
  if (rows < events) throw new Error(`${rows} rows of ${events} events`);
  return rows / seconds;
};
