import type { z } from 'zod';
import { OutageError } from '../errors.ts';
import type { Metrics } from '../metrics.ts';
import { checkedJobId } from './checked-by.ts';
import type { EventJob, StoredEvent } from './define-job.ts';
import { toColumns } from './event-columns.ts';
import type { IntakeAccount } from './intake-account.ts';
import type { IntakeGate } from './intake-gate.ts';
import type { Producer } from './producer.ts';

export interface Intake {
  /** @throws OutageError while the queue takes nothing: reading what comes would be for nothing. */
  assertOpen(): void;
  /**
   * Take events of one kind that the door has let in. Resolves when Redis holds them durably; those of one call go into
   * one job, so they are taken together or not at all.
   * @throws OutageError when the queue cannot take them now. They may have been taken all the same: the caller's
   * repeat under the same ids is harmless.
   */
  take<J extends EventJob>(job: J, events: readonly StoredEvent[]): Promise<void>;
  /** Send what is open now and wait until everything taken is durable or refused. */
  close(): Promise<void>;
}

interface Batch {
  events: StoredEvent[];
  /** Of what would send it. */
  cancel: () => void;
  done: Promise<void>;
  settle: (sent: Promise<void>) => void;
}

type EventPayload = z.input<EventJob['payload']>;

const toPayload = (job: EventJob, events: StoredEvent[]): EventPayload => {
  const columns = job.columns && toColumns(job, events);
  return columns ? { columns } : { events };
};

interface IntakeOptions {
  lingerMs: number;
  batchEvents: number;
  bufferEvents: number;
}

/**
 * Gathers the events of many requests into few jobs: one fsync and one SQL statement serve hundreds of events. While none
 * of a kind is on its way a batch is sent at once, with what else came in this turn of the event loop; else when that has
 * arrived, when it is `lingerMs` old or when it has `batchEvents`. A request is answered when its batch is in Redis.
 */
export const createIntake = (
  parts: { producer: Producer; account: IntakeAccount; gate: IntakeGate; metrics: Metrics },
  options: IntakeOptions,
): Intake => {
  const open = new Map<string, { job: EventJob; batch: Batch }>();
  const underWay = new Set<Promise<void>>();
  /** By kind, batches on their way. */
  const sending = new Map<string, number>();
  let buffered = 0;
  /** The last one; it ends after all before it. */
  let confirmed: Promise<void> = Promise.resolve();

  const send = async (job: EventJob, batch: Batch): Promise<void> => {
    const jobId = checkedJobId();
    parts.producer.assertReachable();
    const count = batch.events.length;
    const payload = toPayload(job, batch.events);
    // Held one by one until Redis answers, they would be copied by one collection of young objects after another.
    batch.events = [];
    // Written just before the job on the same connection, so that a fast worker finds it; whether it arrives decides
    // nothing.
    parts.account.open(jobId, count).catch(() => {});
    await parts.producer.enqueue(job, payload, { jobId });
    confirmed = parts.account.confirm(jobId).catch(() => {});
    parts.metrics.accepted.inc({ type: job.type }, count);
  };

  const flush = (name: string) => {
    const entry = open.get(name);
    if (!entry) return;
    open.delete(name);
    const { job, batch } = entry;
    batch.cancel();
    sending.set(name, (sending.get(name) ?? 0) + 1);
    const { length } = batch.events;
    const sent = send(job, batch).finally(() => {
      buffered -= length;
      const left = (sending.get(name) as number) - 1;
      sending.set(name, left);
      if (left === 0) flush(name);
    });
    batch.settle(sent);
  };

  const sendInTime = (name: string): (() => void) => {
    if (sending.get(name)) {
      const timer = setTimeout(flush, options.lingerMs, name);
      return () => clearTimeout(timer);
    }
    const turn = setImmediate(flush, name);
    return () => clearImmediate(turn);
  };

  const openBatch = (job: EventJob): Batch => {
    let settle: Batch['settle'] = () => {};
    const done = new Promise<void>((resolve) => {
      settle = resolve;
    });
    underWay.add(done);
    const forget = () => underWay.delete(done);
    done.then(forget, forget);
    const batch = { events: [], cancel: sendInTime(job.name), done, settle };
    open.set(job.name, { job, batch });
    return batch;
  };

  const assertOpen = () => {
    const refusal = parts.gate.refusal();
    if (refusal) throw new OutageError(refusal);
  };

  return {
    assertOpen,
    async take(job, events) {
      assertOpen();
      if (buffered + events.length > options.bufferEvents && buffered > 0) {
        throw new OutageError('too many events are on their way to the queue');
      }
      buffered += events.length;
      // A full array never shares a job beyond the size of two batches.
      const current = open.get(job.name)?.batch;
      if (current && current.events.length + events.length > options.batchEvents) flush(job.name);
      const batch = open.get(job.name)?.batch ?? openBatch(job);
      for (const event of events) batch.events.push(event);
      if (batch.events.length >= options.batchEvents) flush(job.name);
      return batch.done;
    },
    async close() {
      for (const name of [...open.keys()]) flush(name);
      await Promise.allSettled(underWay);
      await confirmed;
    },
  };
};
