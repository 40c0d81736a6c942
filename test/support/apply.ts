import { jobs } from '../../jobs/index.ts';
import type { Parts } from '../../src/parts.ts';
import type { EventJob } from '../../src/queue/define-job.ts';
import type { Handler } from '../../src/queue/handler.ts';
import { handlers } from '../../workers/index.ts';
import type { Sent } from '../model.ts';
import { performJob } from './perform-job.ts';

const names = Object.keys(jobs) as (keyof typeof jobs)[];

/** The handler of a job that is known only at run time. */
export const handlerOf = (job: EventJob): Handler<EventJob> =>
  handlers[
    names.find((name) => jobs[name] === (job as unknown)) as keyof typeof jobs
  ] as unknown as Handler<EventJob>;

/** Apply events in this order, neighbours of one kind together, without going through Redis. */
export const applyNow = async (parts: Parts, sent: readonly Sent[]): Promise<void> => {
  for (let start = 0; start < sent.length; ) {
    const { job } = sent[start] as Sent;
    let end = start;
    while (end < sent.length && sent[end]?.job === job) end += 1;
    const events = sent.slice(start, end).map(({ event }) => event);
    await performJob(job, handlerOf(job), { events }, parts);
    start = end;
  }
};
