// The other half of what a team writes first: one BullMQ worker, one `insert` per job. As many jobs at once as serve it
// best on two cores, each with a connection of its own, so that PostgreSQL can sync the commits of several together.
import { once } from 'node:events';
import { Worker } from 'bullmq';
import { Redis } from 'ioredis';
import postgres from 'postgres';
import { rivalQueue } from './queue.ts';

const { DATABASE_URL = '', REDIS_URL = '', CONCURRENCY = '25' } = process.env;
const concurrency = Number(CONCURRENCY);
const sql = postgres(DATABASE_URL, { max: concurrency });
const worker = new Worker(
  rivalQueue.name,
  async ({ data: e }) => {
    await sql`
      insert into interactions
        (user_id, product_id, session_id, event_type, event_value, platform, device, created_at)
      values (${e.user_id}, ${e.product_id}, ${e.session_id ?? null}, ${e.event_type}, ${e.event_value ?? null},
        ${e.platform ?? null}, ${e.device ?? null}, ${e.created_at ?? new Date()})`;
  },
  {
    connection: new Redis(REDIS_URL, { maxRetriesPerRequest: null }),
    prefix: rivalQueue.prefix,
    concurrency,
  },
);
await worker.waitUntilReady();
process.send?.('ready');
await once(process, 'SIGTERM');
await worker.close();
process.exit(0);
