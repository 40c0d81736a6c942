import { closeSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';

/** What an event is about, and what of it can be seen in the tables once it had its effect. */
export interface SentEvent {
  event_id: string;
  kind: string;
  /** The row it writes; events of one key replace each other, the newest by `at` stands. */
  key: string;
  at: string;
  op: string;
  /** Rows it makes, for kinds that only add. */
  parts: number;
  /** Nobody can ever apply it. */
  planted: boolean;
}

/** A client's own memory: what it is about to send, written before, and what was accepted, written after. */
export const openEventLog = (dir: string, name: string) => {
  const file = join(dir, `${name}.events`);
  const fd = openSync(file, 'a');
  const synced = setInterval(() => fsyncSync(fd), 1_000);
  synced.unref();
  return {
    sending(events: readonly SentEvent[]): void {
      const lines = events.map(({ event_id, kind, key, at, op, parts, planted }) =>
        ['s', event_id, kind, key, at, op, parts, planted ? 1 : 0].join('\t'),
      );
      writeSync(fd, `${lines.join('\n')}\n`);
    },
    accepted(events: readonly SentEvent[]): void {
      writeSync(fd, `${events.map(({ event_id }) => `a\t${event_id}`).join('\n')}\n`);
    },
    /** Everything sent, each id once, and the ids accepted, as the file has them. */
    read(): { sent: SentEvent[]; accepted: string[] } {
      fsyncSync(fd);
      const sent = new Map<string, SentEvent>();
      const accepted = new Set<string>();
      for (const line of readFileSync(file, 'utf8').split('\n')) {
        const [what, event_id = '', kind = '', key = '', at = '', op = '', parts, planted] = line.split('\t');
        if (what === 'a') accepted.add(event_id);
        if (what !== 's') continue;
        sent.set(event_id, { event_id, kind, key, at, op, parts: Number(parts), planted: planted === '1' });
      }
      return { sent: [...sent.values()], accepted: [...accepted] };
    },
    close(): void {
      clearInterval(synced);
      closeSync(fd);
    },
  };
};

export type EventLog = ReturnType<typeof openEventLog>;
