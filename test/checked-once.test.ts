import { v7 as uuidv7 } from 'uuid';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { eventJobs } from '../jobs/index.ts';
import { recordInteractions } from '../jobs/record-interactions.ts';
import { arrival, createDoor } from '../src/api/door.ts';
import { listParked } from '../src/db/parked-events.ts';
import { checkedJobId } from '../src/queue/checked-by.ts';
import { payloadHash } from '../src/queue/payload-hash.ts';
import { validate } from '../src/validate.ts';
import { handleRecordInteractions } from '../workers/record-interactions.ts';
import { fitting, type Schema } from './support/fuzz-values.ts';
import { performJob } from './support/perform-job.ts';
import { seeded } from './support/random-shop.ts';
import { setup } from './support/setup.ts';
import { countInteractions, insertProducts, interaction } from './support/shop.ts';

const doors = eventJobs
  .filter(({ complete }) => complete === undefined)
  .flatMap((job) => Object.keys(job.ops).map((op) => [job.type, op, job] as const));

test.each(doors)(
  '%s %s: what the door lets in is, after the queue, as the check would have it',
  (_, op, job) => {
    const random = seeded(4);
    const door = createDoor(job, op);
    const schema = z.toJSONSchema(door.schema, { io: 'input', unrepresentable: 'any' }) as Schema;
    let admitted = 0;
    for (let tries = 0; tries < 2_000 && admitted < 100; tries += 1) {
      const sent = JSON.parse(JSON.stringify(fitting(random, schema)));
      const event = door.admit(
        sent,
        0,
        arrival(() => uuidv7(), String),
        [],
      );
      if (!event) continue;
      admitted += 1;
      const stored = JSON.parse(JSON.stringify(event));
      const checked = validate(job.stored, stored);
      expect(checked.data).toEqual(stored);
      expect(payloadHash(checked.data ?? {})).toBe(payloadHash(stored));
    }
    expect(admitted).toBe(100);
  },
);

test('what another version let in is checked again, and what nobody let in', async () => {
  const { db, parts } = await setup();
  const [product_id] = await insertProducts(db, 1);
  const events = () => [interaction({ product_id }), interaction({ product_id, colour: 'red' })];
  const apply = (jobId: string) =>
    performJob(recordInteractions, handleRecordInteractions, { events: events() }, parts, { jobId });

  await apply(uuidv7());
  await apply(`${uuidv7()}-${'0'.repeat(12)}`);
  expect(await countInteractions(db)).toBe(2);
  expect(await listParked(db, { state: 'failed', limit: 10 })).toHaveLength(2);

  // So the door is what keeps it out.
  await apply(checkedJobId());
  expect(await countInteractions(db)).toBe(4);
});
