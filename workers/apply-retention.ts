import { setTimeout as delay } from 'node:timers/promises';
import type { applyRetention } from '../jobs/apply-retention.ts';
import type { Config } from '../src/config.ts';
import { insertAudit } from '../src/db/audit.ts';
import {
  auditRetention,
  eventIdRetention,
  interactionRetention,
  type Retention,
  recommendationLogRetention,
  refusedEventRetention,
} from '../src/db/retention.ts';
import { RetryableError } from '../src/errors.ts';
import type { Handler } from '../src/queue/handler.ts';

/** Rows removed by one statement: few enough that nobody waits for it. */
const batchRows = 5_000;

const ages = (config: Config): [Retention, days: number][] => [
  [eventIdRetention, config.EVENT_ID_RETENTION_DAYS],
  // A refused event also stands for its id.
  [refusedEventRetention, config.EVENT_ID_RETENTION_DAYS],
  [recommendationLogRetention, config.RECOMMENDATION_LOG_RETENTION_DAYS],
  [auditRetention, config.AUDIT_RETENTION_DAYS],
  [interactionRetention, config.INTERACTION_RETENTION_DAYS],
];

export const handleApplyRetention: Handler<typeof applyRetention> = async (_, context, { log, signal }) => {
  const { db, config, metrics } = context;
  const removed: Record<string, number> = {};
  for (const [retention, days] of ages(config)) {
    if (days === 0) continue;
    const cutoff = new Date(Date.now() - days * 86_400_000).toISOString();
    let began = performance.now();
    for await (const rows of retention.remove(db, cutoff, batchRows)) {
      if (rows > 0) {
        removed[retention.table] = (removed[retention.table] ?? 0) + rows;
        metrics.removed.inc({ table: retention.table }, rows);
      }
      if (signal.aborted) throw new RetryableError('retention was stopped; it goes on with the next try');
      // As long a rest as the statement took: half of what the disks can do stays for those who are waited for.
      await delay(performance.now() - began);
      began = performance.now();
    }
  }
  if (Object.keys(removed).length === 0) return;
  log.info({ removed, msg: 'removed what was past its age' });
  await insertAudit(db, {
    component: 'retention',
    severity: 'info',
    message: 'removed what was past its age',
    payload: { removed },
  });
};
