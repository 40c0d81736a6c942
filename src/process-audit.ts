import { hostname } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { changedSettings, snapshotOf } from './config-snapshot.ts';
import { insertAudit } from './db/audit.ts';
import { findSettings, recordSettings } from './db/config-snapshots.ts';
import type { Parts } from './parts.ts';

/** A process that stops waits no longer for its entry. */
const stopPatienceMs = 1_000;

/**
 * Writes the start, the stop and a changed configuration of a process into the audit, as well as it can: what fails is
 * logged, and holds up nobody. A start without a stop before it tells of a crash.
 */
export const auditProcess = ({ db, config, log }: Parts, name: string) => {
  const entry = (message: string, payload: Record<string, unknown> = {}) =>
    insertAudit(db, {
      component: 'process',
      severity: 'info',
      message,
      payload: { process: name, pid: process.pid, host: hostname(), ...payload },
    });
  const tried = async (work: Promise<unknown>): Promise<void> => {
    try {
      await work;
    } catch (error) {
      log.warn({ err: error, msg: 'the audit could not be written' });
    }
  };

  return {
    started: () =>
      tried(
        (async () => {
          await entry('process started');
          // Worker groups differ by the queues they serve, so each has a configuration of its own.
          const who = name === 'worker' ? `worker ${config.WORKER_QUEUES}` : name;
          const settings = snapshotOf(config);
          const before = await findSettings(db, who);
          const changes = before && changedSettings(before, settings);
          if (changes?.length === 0) return;
          await recordSettings(db, who, { before, settings, changes: changes ?? [] });
        })(),
      ),
    stopping: (signal: string) =>
      Promise.race([
        tried(entry('process stopping', { signal })),
        delay(stopPatienceMs, undefined, { ref: false }),
      ]),
  };
};
