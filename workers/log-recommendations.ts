import { loggedAnswer, type logRecommendations } from '../jobs/log-recommendations.ts';
import { insertAnswers } from '../src/db/recommendation-logs.ts';
import type { Handler } from '../src/queue/handler.ts';
import { pepperOf } from '../src/queue/secrets.ts';

export const handleLogRecommendations: Handler<typeof logRecommendations> = async (
  { batch, answers },
  { db, config, metrics },
  { log },
) => {
  const rows = answers.flatMap((answer) => {
    const parsed = loggedAnswer.safeParse(answer);
    return parsed.success ? [parsed.data] : [];
  });
  if (rows.length < answers.length) {
    log.error({ answers: answers.length - rows.length, msg: 'answers that cannot be logged' });
    metrics.unloggedAnswers.inc({ why: 'unreadable' }, answers.length - rows.length);
  }
  if (rows.length > 0) await insertAnswers(db, batch, rows, pepperOf(config));
};
