import { setTimeout as delay } from 'node:timers/promises';
import { insertAudit } from '../db/audit.ts';
import type { Db } from '../db/database.ts';
import type { Log } from '../log.ts';

const everyMs = 60_000;
/** An API that stops waits no longer for PostgreSQL. */
const lastWriteMs = 1_000;

/**
 * Counts requests that were turned away, by reason, and writes the counts into the audit once a minute: an entry for
 * each would let anybody fill the table. What cannot be written is added to the next minute's.
 */
export const tallyRefusals = (db: Db, log: Log, intervalMs = everyMs) => {
  let counts = new Map<string, number>();
  let since = new Date();
  const add = (reason: string, by: number) => counts.set(reason, (counts.get(reason) ?? 0) + by);

  const write = async (): Promise<void> => {
    if (counts.size === 0) {
      since = new Date();
      return;
    }
    const written = counts;
    const began = since;
    counts = new Map();
    since = new Date();
    try {
      await insertAudit(db, {
        component: 'keys',
        severity: 'warning',
        message: 'requests refused',
        payload: { since: began.toISOString(), until: since.toISOString(), ...Object.fromEntries(written) },
      });
    } catch (error) {
      log.warn({ err: error, msg: 'refused requests could not be audited yet' });
      for (const [reason, count] of written) add(reason, count);
      since = began;
    }
  };
  const timer = setInterval(() => void write(), intervalMs);
  timer.unref();

  return {
    count: (reason: string): void => {
      add(reason, 1);
    },
    /** Write what was counted, unless that takes long, and no more from now on. */
    async close(): Promise<void> {
      clearInterval(timer);
      await Promise.race([write(), delay(lastWriteMs, undefined, { ref: false })]);
    },
  };
};
