import type { buildShard } from '../jobs/build-shard.ts';
import { wakePublishIndex } from '../jobs/publish-index.ts';
import { buildShardDraft } from '../src/indexing/build-shard.ts';
import type { Handler } from '../src/queue/handler.ts';

export const handleBuildShard: Handler<typeof buildShard> = async (payload, context) => {
  await buildShardDraft(context, payload);
  await wakePublishIndex(context.producer);
};
