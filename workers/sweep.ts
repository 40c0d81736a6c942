import { eventJobs, followUps } from '../jobs/index.ts';
import type { sweep } from '../jobs/sweep.ts';
import { countDirty } from '../src/db/dirty-keys.ts';
import { failExpired, listReleasable } from '../src/db/parked-events.ts';
import type { Handler } from '../src/queue/handler.ts';
import { release } from '../src/queue/release.ts';

const releaseLimit = 10_000;

export const handleSweep: Handler<typeof sweep> = async (_, context, { log }) => {
  const { db, producer, metrics } = context;
  await release(context, await listReleasable(db, releaseLimit));

  for (const { event_id, job } of await failExpired(db)) {
    const type = eventJobs.find((known) => known.name === job)?.type ?? job;
    metrics.outcomes.inc({ type, outcome: 'failed' });
    log.error({ event_id, job, msg: 'waiting event parked as failed' });
  }

  const stale = new Set((await countDirty(db)).map(({ kind }) => kind));
  // Under another key than `wake` uses: should BullMQ ever keep that one without its job, this gets things going again.
  for (const job of followUps) {
    if (stale.has(job.kind)) await producer.enqueue(job, {}, { unlessUnfinished: true });
  }
};
