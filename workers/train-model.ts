import type { trainModel } from '../jobs/train-model.ts';
import { findServingModel, lookForGrowth } from '../src/db/models.ts';
import type { Handler } from '../src/queue/handler.ts';
import { parameters as schema } from '../src/recommend/parameters.ts';
import { trainModel as train } from '../src/training/train-model.ts';

export const handleTrainModel: Handler<typeof trainModel> = async (
  { ifGrown, insteadOf, parameters },
  context,
  run,
) => {
  if (ifGrown && run.starts === 1 && !(await lookForGrowth(context.db))) return;
  if (insteadOf !== undefined && (await findServingModel(context.db))?.version !== insteadOf) return;
  const { outcome } = await train(context, run, {
    parameters: parameters && schema.parse(parameters),
  });
  if (outcome === 'left') run.log.info({ msg: 'somebody else trains' });
};
