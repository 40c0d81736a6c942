import { expect } from 'vitest';
import { followUps, jobs } from '../../jobs/index.ts';
import { countDirty } from '../../src/db/dirty-keys.ts';
import { listReleasable } from '../../src/db/parked-events.ts';
import type { QueueName } from '../../src/queue/queues.ts';
import { handlers } from '../../workers/index.ts';
import { eventually } from './eventually.ts';
import { performJob } from './perform-job.ts';
import type { System } from './setup.ts';

/** @throws unless these queues have nothing left to do. */
export const expectIdle = async (
  { queues }: Pick<System['producer'], 'queues'>,
  names: Iterable<QueueName>,
): Promise<void> => {
  for (const name of names)
    expect(await queues.get(name)?.getJobCounts('waiting', 'active', 'delayed')).toEqual({
      ...{ waiting: 0, active: 0, delayed: 0 },
    });
};

/** Wait until workers have nothing left to do: no job, no event that could go, nothing stale. */
export const drain = async (
  { parts, db, producer }: Pick<System, 'parts' | 'db' | 'producer'>,
  withinMs = 60_000,
): Promise<void> => {
  await eventually(async () => {
    for (const [name, queue] of producer.queues) {
      const {
        waiting = 0,
        active = 0,
        delayed = 0,
      } = await queue.getJobCounts('waiting', 'active', 'delayed');
      // Follow-ups that gather for a while are not waited for: what is stale is looked at below.
      expect({ name, left: waiting + active + (name === 'aggregates' ? 0 : delayed) }).toEqual({
        name,
        left: 0,
      });
    }
    if ((await listReleasable(db, 1)).length > 0) await performJob(jobs.sweep, handlers.sweep, {}, parts);
    const stale = new Set((await countDirty(db)).map(({ kind }) => kind));
    for (const job of followUps.filter(({ kind }) => stale.has(kind))) await producer.enqueue(job, {});
    expect({ stale: [...stale], waiting: (await listReleasable(db, 1)).length }).toEqual({
      stale: [],
      waiting: 0,
    });
  }, withinMs);
};
