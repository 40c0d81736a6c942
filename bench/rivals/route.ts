// What a competent team writes first: one Express route, the schema that we have, one `queue.add` per event, and 202 when
// Redis has them all. Without REDIS_URL it is the bare route: it validates and answers, and nothing else happens.
import { createInterface } from 'node:readline';
import { Queue } from 'bullmq';
import express from 'express';
import { Redis } from 'ioredis';
import { v7 as uuidv7 } from 'uuid';
import { z } from 'zod';
import { recordInteractions } from '../../jobs/record-interactions.ts';
import { createDoor } from '../../src/api/door.ts';
import { rivalJobOptions, rivalQueue } from './queue.ts';
import { serve } from './serve.ts';

const { schema } = createDoor(recordInteractions, 'put');
const body = z.union([schema, z.array(schema).min(1).max(1_000)]);
type Event = z.output<typeof schema>;

const { PORT, REDIS_URL } = process.env;
const queue =
  REDIS_URL &&
  new Queue(rivalQueue.name, {
    connection: new Redis(REDIS_URL, { maxRetriesPerRequest: null }),
    prefix: rivalQueue.prefix,
    defaultJobOptions: rivalJobOptions,
  });
if (queue) await queue.waitUntilReady();

const keep = async (event: Event): Promise<void> => {
  event.event_id ??= uuidv7();
  if (queue) await queue.add('record', event);
};

const app = express();
app.post('/v1/interactions', express.json({ limit: '5mb' }), async (request, response) => {
  const parsed = body.safeParse(request.body);
  if (!parsed.success) {
    response.status(400).json({ errors: parsed.error.issues });
    return;
  }
  const events = Array.isArray(parsed.data) ? parsed.data : [parsed.data];
  await Promise.all(events.map(keep));
  response.status(202).json({ accepted: events.length, event_ids: events.map(({ event_id }) => event_id) });
});
app.post('/v1/events', async (request, response) => {
  let accepted = 0;
  const errors: object[] = [];
  let open: Promise<void>[] = [];
  for await (const line of createInterface({ input: request })) {
    const { type: _, ...event } = JSON.parse(line);
    const parsed = schema.safeParse(event);
    if (!parsed.success) {
      errors.push(...parsed.error.issues);
      continue;
    }
    open.push(keep(parsed.data));
    accepted += 1;
    if (open.length < 500) continue;
    await Promise.all(open);
    open = [];
  }
  await Promise.all(open);
  response.status(202).json({ accepted, rejected: errors.length, errors });
});
await serve(app, Number(PORT));
