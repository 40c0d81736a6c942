import { setTimeout as delay } from 'node:timers/promises';
import type { Random } from '../support/random-shop.ts';
import { type EventLog, openEventLog } from './event-log.ts';
import { lineOf, requestOf, type Shop, type ShopEvent } from './shop-events.ts';

interface LoadOptions {
  name: string;
  dir: string;
  shop: Shop;
  /** Decides how events are sent, not which. */
  random: Random;
  /** The APIs that take requests now. */
  targets: () => readonly string[];
  key: string;
  /** How long a client waits for an answer before it asks again. */
  patienceMs?: number;
}

interface RunOptions {
  clients?: number;
  eventsPerSecond?: number;
  /** Events of one request at most. */
  batch?: number;
  /** How many of the events that met a failure are given up: their callers never learn what became of them. */
  givenUp?: number;
  /** The events of the shop by default. */
  next?: () => ShopEvent;
  /** Wait between tries; callers without manners do not. */
  backOffMs?: number;
}

const duplicates = 0.1;
const late = 0.05;

/**
 * Clients of the system as its callers should be: each notes an event before it sends it and the 202 after, sends again
 * under the same id what was not accepted, repeats one in ten anyway, and sends one in twenty late.
 */
export const createLoad = ({ name, dir, shop, random, targets, key, patienceMs = 10_000 }: LoadOptions) => {
  const logs: EventLog[] = [];
  const statuses = new Map<string, number>();
  const slow: number[] = [];
  let slowest = 0;
  const problems: string[] = [];
  const given = { up: 0, out: 0, offered: 0, taken: 0 };
  let withoutAdvice = 0;
  const newLog = () => {
    const log = openEventLog(dir, `${name}-${logs.length}`);
    logs.push(log);
    return log;
  };
  const count = (status: string) => statuses.set(status, (statuses.get(status) ?? 0) + 1);

  const ask = async (
    method: string,
    path: string,
    body: string | undefined,
    type: string,
  ): Promise<number> => {
    const all = targets();
    const began = performance.now();
    try {
      const answer = await fetch(`${all[random.below(all.length)]}${path}`, {
        method,
        headers: { authorization: `Bearer ${key}`, ...(body !== undefined && { 'content-type': type }) },
        ...(body !== undefined && { body }),
        signal: AbortSignal.timeout(patienceMs),
      });
      const text = await answer.text();
      count(String(answer.status));
      slowest = Math.max(slowest, performance.now() - began);
      if (answer.status === 202) slow.push(performance.now() - began);
      if ([429, 503].includes(answer.status) && answer.headers.get('retry-after') === null)
        withoutAdvice += 1;
      if (![202, 429, 503].includes(answer.status))
        problems.push(`${method} ${path}: ${answer.status} ${text}`);
      // A stream of lines takes the good ones: one that it refuses is our own mistake.
      else if (answer.status === 202 && !(JSON.parse(text).rejected ?? 0)) return 202;
      else if (answer.status === 202) problems.push(`${method} ${path}: ${text}`);
      return answer.status;
    } catch (error) {
      // Only what was answered counts: a caller whose connection is cut knows at once.
      const { name: kind, cause } = error as Error & { cause?: { code?: string } };
      count(cause?.code ?? kind);
      return 0;
    }
  };

  /** One request, until it is accepted, given up, or answered in a way that no repeat would change. */
  const insist = async (
    log: EventLog,
    events: readonly ShopEvent[],
    send: () => Promise<number>,
    { givenUp = 0, backOffMs = 100 }: RunOptions,
    signal?: AbortSignal,
  ): Promise<boolean> => {
    log.sending(events);
    for (;;) {
      given.offered += events.length;
      const status = await send();
      if (status === 202) {
        given.taken += events.length;
        log.accepted(events);
        return true;
      }
      if (status !== 0 && status !== 429 && status !== 503) return false;
      if (signal?.aborted || random.chance(givenUp)) {
        given.up += events.length;
        return false;
      }
      if (backOffMs > 0) await delay(backOffMs * (0.5 + random.below(100) / 100));
    }
  };

  const requests = (events: readonly ShopEvent[]): { events: ShopEvent[]; send: () => Promise<number> }[] => {
    const json = 'application/json';
    if (events.length > 1 && random.chance(0.5)) {
      const body = events.map((event) => JSON.stringify(lineOf(event))).join('\n');
      return [{ events: [...events], send: () => ask('POST', '/v1/events', body, 'application/x-ndjson') }];
    }
    const arrays = new Map<string, ShopEvent[]>();
    for (const event of events) {
      const group = event.many ? event.path : event.event_id;
      arrays.set(group, [...(arrays.get(group) ?? []), event]);
    }
    return [...arrays.values()].map((group) => {
      const all = group.map(requestOf);
      const [{ method, path, body } = { method: '', path: '', body: undefined }] = all;
      const sent = group.length === 1 ? body : all.map((one) => one.body);
      const text = sent === undefined ? undefined : JSON.stringify(sent);
      return { events: group, send: () => ask(method, path, text, json) };
    });
  };

  const own = newLog();
  const runs: { finish(): Promise<void> }[] = [];
  return {
    statuses,
    problems,
    /** Milliseconds of every answer that was a 202. */
    slow,
    /** Milliseconds of the slowest answer, whatever it was. */
    slowest: () => slowest,
    /** Refusals that did not say when to ask again. */
    withoutAdvice: () => withoutAdvice,
    sent: () => given.out,
    /** Events of all requests of clients, those sent again counted again, and of those answered 202. */
    offered: () => given.offered,
    taken: () => given.taken,
    /** Send these now and insist, in requests of up to `batch`. */
    async send(events: readonly ShopEvent[], options: RunOptions = {}): Promise<boolean> {
      const { batch = 200 } = options;
      let all = true;
      for (let from = 0; from < events.length; from += batch) {
        const part = events.slice(from, from + batch);
        given.out += part.length;
        for (const request of requests(part))
          all = (await insist(own, request.events, request.send, options)) && all;
      }
      return all;
    },
    /** Write down what reaches the queue without the door. */
    note(events: readonly ShopEvent[]): void {
      given.out += events.length;
      own.sending(events);
      own.accepted(events);
    },
    /** Send one request of these, once. */
    async try(events: readonly ShopEvent[]): Promise<number> {
      own.sending(events);
      given.out += events.length;
      const body = events.map((event) => JSON.stringify(lineOf(event))).join('\n');
      const status = await ask('POST', '/v1/events', body, 'application/x-ndjson');
      if (status === 202) own.accepted(events);
      return status;
    },
    /** Let clients send until told to finish. */
    run(options: RunOptions = {}) {
      const { clients = 6, eventsPerSecond = 400, batch = 20, next = shop.next } = options;
      const began = performance.now();
      const stopping = new AbortController();
      const givingUp = new AbortController();
      let made = 0;
      let least = Number.POSITIVE_INFINITY;
      const recent: ShopEvent[] = [];
      const held: ShopEvent[] = [];
      const gather = (): ShopEvent[] => {
        const events: ShopEvent[] = [];
        const wanted = 1 + random.below(batch);
        while (events.length < wanted && made < least) {
          const event = next();
          made += 1;
          if (recent.length < 2_000) recent.push(event);
          else recent[random.below(recent.length)] = event;
          if (random.chance(late)) held.push(event);
          else events.push(event);
          if (random.chance(duplicates)) {
            const again = random.pick(recent);
            if (!held.includes(again) && !events.includes(again)) events.push(again);
          }
        }
        if (held.length > 20 || made >= least) {
          // As many as were held back, and no more than a request may have.
          const from = made >= least ? 0 : random.below(held.length);
          events.push(...held.splice(from, Math.max(5, Math.ceil(2 * late * batch))));
        }
        return events;
      };
      const client = async (log: EventLog) => {
        for (;;) {
          if (made >= least && held.length === 0) return;
          const ahead = (1_000 * made) / eventsPerSecond - (performance.now() - began);
          // Nobody hurries for the rest either: it arrives under the same faults.
          if (ahead > 5) {
            await delay(Math.min(ahead, 50));
            if (!stopping.signal.aborted || made < least) continue;
          }
          const events = gather();
          given.out += events.length;
          for (const request of requests(events))
            await insist(log, request.events, request.send, options, givingUp.signal);
        }
      };
      const running = Promise.all(Array.from({ length: clients }, () => client(newLog())));
      running.catch(() => {});
      const run = {
        made: () => made,
        /** Stop once `atLeast` events were made, and wait until all are accepted. */
        async finish(atLeast = 0, withinMs = 90_000): Promise<void> {
          least = Math.max(made, atLeast);
          stopping.abort();
          const over = new AbortController();
          const pace = Math.max(0, (1_000 * (least - made)) / Math.min(eventsPerSecond, 1_000));
          const limit = delay(withinMs + 3 * pace, 'late', { signal: over.signal }).catch(() => undefined);
          if ((await Promise.race([running, limit])) === 'late') {
            problems.push(`events are still refused: ${JSON.stringify([...statuses])}`);
            givingUp.abort();
            await running;
          }
          over.abort();
        },
      };
      runs.push(run);
      return run;
    },
    /** Let all clients come to an end, also those that a failed scenario left running. */
    async finish(): Promise<void> {
      for (const run of runs) await run.finish();
    },
    /** What the clients wrote down. */
    books: () => logs.map((log) => log.read()),
    close: () => {
      for (const log of logs) log.close();
    },
  };
};

export type Load = ReturnType<typeof createLoad>;
