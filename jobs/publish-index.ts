import { z } from 'zod';
import { defineJob } from '../src/queue/define-job.ts';
import type { Producer } from '../src/queue/producer.ts';

/** Make new vectors and newly built shards findable. */
export const publishIndex = defineJob({
  name: 'publish-index',
  queue: 'index',
  payload: z.strictObject({
    /** Build every base shard that has changes, however few. */
    fold: z.boolean().optional(),
    /** Publish although nothing changed, because a file of the delta is not usable. */
    anew: z.boolean().optional(),
  }),
  // It is asked for again every few seconds.
  options: { keepFailed: false },
});

/** Ask for a publication soon; whoever asks while one waits shares it. That it may be lost is fine: it comes by schedule, too. */
export const wakePublishIndex = (producer: Producer, { delayMs = 100 } = {}): Promise<string> =>
  producer.enqueue(publishIndex, {}, { delayMs, coalesce: publishIndex.name });
