import type { refreshWords } from '../jobs/refresh-words.ts';
import { keepProductTexts } from '../src/db/serving.ts';
import { followUp } from '../src/queue/follow-ups.ts';
import type { Handler } from '../src/queue/handler.ts';

export const handleRefreshWords: Handler<typeof refreshWords> = followUp('words', (products, { db }) =>
  keepProductTexts(
    db,
    products.map(({ key }) => key),
  ),
);
