import type { publishIndex } from '../jobs/publish-index.ts';
import { listModels } from '../src/db/vector-indexes.ts';
import { publishModel } from '../src/indexing/publish-index.ts';
import type { Handler } from '../src/queue/handler.ts';

export const handlePublishIndex: Handler<typeof publishIndex> = async (options, context, run) => {
  for (const { model } of await listModels(context.db)) await publishModel(context, model, run, options);
};
