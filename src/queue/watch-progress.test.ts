import { expect, test, vi } from 'vitest';
import { recordInteractions } from '../../jobs/record-interactions.ts';
import { eventually } from '../../test/support/eventually.ts';
import { setup } from '../../test/support/setup.ts';
import { interaction } from '../../test/support/shop.ts';
import { watchProgress } from './watch-progress.ts';

const quick = { queues: ['interactions'] as const, intervalMs: 10, patience: 5 };

test('a worker that takes nothing while jobs wait is stuck; a busy, paused or idle one is not', async () => {
  const { producer, log } = await setup();
  const [stuck, busy] = [vi.fn(), vi.fn()];
  let looks = 0;
  const idle = watchProgress({ producer, log }, { ...quick, underWay: () => 0, onStuck: stuck });
  const working = watchProgress(
    { producer, log },
    {
      ...quick,
      underWay: () => {
        looks += 1;
        return 1;
      },
      onStuck: busy,
    },
  );
  await eventually(() => expect(looks).toBeGreaterThan(10));
  expect(stuck).not.toHaveBeenCalled();

  await producer.queues.get('interactions')?.pause();
  await producer.enqueue(recordInteractions, { events: [interaction()] });
  const before = looks;
  await eventually(() => expect(looks).toBeGreaterThan(before + 10));
  expect(stuck).not.toHaveBeenCalled();

  await producer.queues.get('interactions')?.resume();
  await eventually(() => expect(stuck).toHaveBeenCalledWith('interactions'));
  expect(busy).not.toHaveBeenCalled();
  idle.stop();
  working.stop();
});
