import { z } from 'zod';
import { rebuildTargets, runRebuild } from '../../jobs/run-rebuild.ts';
import { stopTraining } from '../db/models.ts';
import { findRebuild, insertRebuild } from '../db/rebuilds.ts';
import { uuid } from '../fields.ts';
import { freshId } from './fresh-id.ts';
import { Problem } from './problem.ts';
import { defineRoute } from './route.ts';

const targets = z.enum(rebuildTargets);

/** `POST /v1/admin/rebuild` */
export const postRebuild = defineRoute({
  method: 'post',
  path: '/v1/admin/rebuild',
  scope: 'admin',
  summary: 'Make derived things anew, in the order given.',
  description:
    "`embeddings`: every vector from its text. `index`: every FAISS shard from the vectors. `model`: the collaborative model from what users did; a training under way begins again. `recommendations`: every user's list. What is there is served until the new is published. Rebuilds are worked one after another.",
  body: {
    schema: z.strictObject({ targets: z.array(targets).min(1).max(20) }),
  },
  responses: {
    202: { description: 'Noted, to be worked.', schema: z.object({ rebuild_id: z.uuid() }) },
  },
  async handler({ body: { targets: wanted } }, { db, producer }) {
    const rebuild_id = freshId();
    await insertRebuild(db, rebuild_id, wanted);
    if (wanted.includes('model')) await stopTraining(db);
    await producer.enqueue(runRebuild, {}, { coalesce: runRebuild.name });
    return { status: 202, json: { rebuild_id } };
  },
});

/** `GET /v1/admin/rebuild/:rebuild_id` */
export const getRebuild = defineRoute({
  method: 'get',
  path: '/v1/admin/rebuild/:rebuild_id',
  scope: 'admin',
  summary: 'How far a rebuild is.',
  params: z.object({ rebuild_id: uuid }),
  responses: {
    200: {
      description: '`done` and `total` count products, shards, percent of a training or users.',
      schema: z.object({
        state: z.enum(['running', 'done', 'failed']),
        reason: z.string().nullable().meta({ description: 'Why it failed.' }),
        targets: z.array(
          z.object({
            name: z.string(),
            state: z.enum(['waiting', 'running', 'done', 'failed']),
            done: z.int(),
            total: z.int(),
          }),
        ),
      }),
    },
    404: { description: 'There is no such rebuild.' },
  },
  async handler({ params: { rebuild_id } }, { db }) {
    const rebuild = await findRebuild(db, rebuild_id);
    if (!rebuild) throw new Problem(404, 'There is no such rebuild.');
    return { json: rebuild };
  },
});
