import { v7 as uuidv7 } from 'uuid';
import { expect, test } from 'vitest';
import { recordInteractions } from '../../jobs/record-interactions.ts';
import { setup } from '../../test/support/setup.ts';
import { interaction } from '../../test/support/shop.ts';
import { settleAbandoned } from './settle-abandoned.ts';

test('what has stood open in the books for minutes without a job is settled; what callers were told is taken is missing', async () => {
  const { parts, account, producer } = await setup();
  const earlier = () => uuidv7({ msecs: Date.now() - 180_000 });
  const queued = earlier();
  await producer.enqueue(recordInteractions, { events: [interaction()] }, { jobId: queued });
  await account.open(queued, 1);
  await account.confirm(queued);
  await account.open(earlier(), 3);
  const gone = earlier();
  await account.open(gone, 20);
  await account.confirm(gone);
  await account.open(uuidv7(), 5);
  expect(await settleAbandoned(parts)).toBe(20);
  expect(await account.totals()).toEqual({ accepted: 29, settled: 23, missing: 20 });
  expect(await settleAbandoned(parts)).toBe(0);
  // The job ends after all.
  expect(await account.settle(queued)).toBe(1);
  await account.confirm(queued);
  expect(await account.totals()).toEqual({ accepted: 29, settled: 24, missing: 20 });
});
