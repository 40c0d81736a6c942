// Loaded into a process under test before its own program (`--import`): it kills itself, as `kill -9` would, when it first
// comes to the point that FAULT_POINT names.
import { subscribe } from 'node:diagnostics_channel';
import { Socket } from 'node:net';
import { isMainThread } from 'node:worker_threads';
import { Job, Queue, Worker } from 'bullmq';

type Method = (...args: unknown[]) => unknown;

const point = process.env.FAULT_POINT;
/** Only what carries this counts; for points that are about one event. */
const mark = process.env.FAULT_MARK;

const die = () => process.kill(process.pid, 'SIGKILL');

/** Run `before` with the arguments of each call, and `after` once it has been done. */
const around = (
  target: object,
  name: string,
  { before, after }: { before?: (args: unknown[]) => void; after?: (args: unknown[]) => void },
) => {
  const methods = target as Record<string, Method>;
  const original = methods[name] as Method;
  methods[name] = function (this: unknown, ...args: unknown[]) {
    before?.(args);
    const result = original.apply(this, args);
    if (after && result instanceof Promise)
      return result.then((value) => {
        after(args);
        return value;
      });
    after?.(args);
    return result;
  };
};

const carriesEvents = (name: unknown): boolean => /^(record|upsert|cast|update|change)-/.test(String(name));
const isEventJob = (of: unknown) => carriesEvents((of as { name?: unknown }).name);

/**
 * What is written to PostgreSQL, where it applies events; with a mark, interactions: their columns go without names, unlike
 * what is set aside.
 */
const onApply = (args: unknown[], act: () => void) => {
  const [data] = args;
  if (!(data instanceof Uint8Array) && typeof data !== 'string') return;
  const octets = Buffer.from(data as Uint8Array);
  if (mark ? octets.includes(mark) && !octets.includes('received_at') : octets.includes('apply_')) act();
};

const points: Record<string, () => void> = {
  'request-read': () => subscribe('http.server.request.start', () => setImmediate(die)),
  'before-add': () => around(Queue.prototype, 'add', { before: ([name]) => carriesEvents(name) && die() }),
  'added-before-202': () =>
    around(Queue.prototype, 'add', { after: ([name]) => carriesEvents(name) && die() }),
  fetched: () => around(Worker.prototype, 'processJob', { before: ([job]) => isEventJob(job) && die() }),
  'before-apply': () => around(Socket.prototype, 'write', { before: (args) => onApply(args, die) }),
  // PostgreSQL has the statement, and what it answers nobody hears.
  'apply-sent': () =>
    around(Socket.prototype, 'write', { after: (args) => onApply(args, () => setTimeout(die, 5)) }),
  'applied-before-follow-ups': () =>
    around(Queue.prototype, 'add', { before: ([name]) => /^refresh-|^embed-/.test(String(name)) && die() }),
  'applied-before-ack': () => {
    const job = Job.prototype as unknown as Record<string, Method>;
    const original = job.moveToCompleted as Method;
    job.moveToCompleted = function (this: unknown, ...args: unknown[]) {
      if (isEventJob(this)) die();
      return original.apply(this, args);
    };
  },
  // Inside what is derived: the names of its jobs come with FAULT_MARK.
  'derived-fetched': () =>
    around(Worker.prototype, 'processJob', {
      before: ([job]) => (job as Job).name === mark && setTimeout(die, Number(process.env.FAULT_DELAY ?? 0)),
    }),
};

if (isMainThread && point) points[point]?.();
