import { z } from 'zod';
import { defineJob } from '../src/queue/define-job.ts';

/** Train the collaborative model anew. */
export const trainModel = defineJob({
  name: 'train-model',
  queue: 'training',
  payload: z.strictObject({
    /** Only when signals have grown by a fifth since the last one. */
    ifGrown: z.boolean().optional(),
    /** Only while this version is served: its file was refused. */
    insteadOf: z.int().optional(),
    /** These, instead of choosing: `src/recommend/parameters.ts` says what there is. */
    parameters: z.record(z.string(), z.unknown()).optional(),
  }),
  options: { attempts: 3, keepFailed: false },
});
