import { setTimeout as delay } from 'node:timers/promises';
import { v7 as uuidv7 } from 'uuid';
import type { z } from 'zod';
import { recordAudit } from '../../jobs/record-audit.ts';
import type { Log } from '../log.ts';
import type { Producer } from '../queue/producer.ts';

const everyMs = 60_000;
/** An API that stops waits no longer for the queue. */
const lastWriteMs = 1_000;

/**
 * Counts requests that were turned away, by reason, and sends the counts to the audit once a minute: an entry for each
 * would let anybody fill the table. What the queue has not confirmed goes again under its id before what came since.
 */
export const tallyRefusals = (producer: Pick<Producer, 'enqueue'>, log: Log, intervalMs = everyMs) => {
  let counts = new Map<string, number>();
  let since = new Date();
  let unsent: z.input<typeof recordAudit.payload> | undefined;

  const take = (): typeof unsent => {
    const [began, until] = [since, new Date()];
    since = until;
    if (counts.size === 0) return undefined;
    const counted = Object.fromEntries(counts);
    counts = new Map();
    return {
      entry_id: uuidv7(),
      at: until.toISOString(),
      component: 'keys',
      severity: 'warning',
      message: 'requests refused',
      payload: { since: began.toISOString(), until: until.toISOString(), ...counted },
    };
  };
  let sending: Promise<void> | undefined;
  const sendAll = async (): Promise<void> => {
    try {
      for (unsent ??= take(); unsent; unsent = take()) await producer.enqueue(recordAudit, unsent);
    } catch (error) {
      log.warn({ err: error, msg: 'refused requests could not be audited yet' });
    }
  };
  const send = (): Promise<void> => {
    sending ??= sendAll().finally(() => {
      sending = undefined;
    });
    return sending;
  };
  const timer = setInterval(() => void send(), intervalMs);
  timer.unref();

  return {
    count: (reason: string): void => {
      counts.set(reason, (counts.get(reason) ?? 0) + 1);
    },
    /** Send what was counted, unless that takes long, and no more from now on. */
    async close(): Promise<void> {
      clearInterval(timer);
      await Promise.race([send(), delay(lastWriteMs, undefined, { ref: false })]);
    },
  };
};
