import { v7 as uuidv7 } from 'uuid';
import { expect, test } from 'vitest';
import { recordInteractions } from '../../jobs/record-interactions.ts';
import { setup } from '../../test/support/setup.ts';
import { interaction } from '../../test/support/shop.ts';
import { settleAbandoned } from './settle-abandoned.ts';

test('what has stood open in the books for minutes without a job is settled, and nothing else', async () => {
  const { parts, account, producer } = await setup();
  const earlier = () => uuidv7({ msecs: Date.now() - 180_000 });
  const queued = earlier();
  await producer.enqueue(recordInteractions, { events: [interaction()] }, { jobId: queued });
  await account.open(queued, 1);
  await account.open(earlier(), 3);
  await account.open(uuidv7(), 5);
  expect(await settleAbandoned(parts)).toBe(1);
  expect(await account.totals()).toEqual({ accepted: 9, settled: 3 });
  expect(await settleAbandoned(parts)).toBe(0);
});
