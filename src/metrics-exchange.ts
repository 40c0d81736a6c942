import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { promisify } from 'node:util';
import { deflateRaw, inflateRaw } from 'node:zlib';
import type { Redis } from 'ioredis';
import { AggregatorRegistry, type Registry } from 'prom-client';
import type { Metrics } from './metrics.ts';

const publishMs = 1_000;
/** A process silent for longer is gone. */
const silentSeconds = 15;
/** Every so many publications the gone are folded, so that they do not pile up where nobody scrapes. */
const foldEvery = 60;

/** A metric as prom-client gives it out, and takes it for adding up. */
interface Metric {
  name: string;
  help: string;
  type: string;
  aggregator: string;
  values: { value: number | null; labels: Record<string, string | number>; metricName?: string }[];
}

interface Snapshot {
  /** The label `process` of its gauges. */
  process: string;
  metrics: Metric[];
}

const pack = async (value: unknown): Promise<Buffer> =>
  promisify(deflateRaw)(JSON.stringify(value), { level: 3 });
const unpack = async <T>(packed: Buffer): Promise<T> =>
  JSON.parse((await promisify(inflateRaw)(packed)).toString()) as T;

/** One slot of a cluster: the scripts touch them together. */
const keysOf = (prefix: string) => {
  const tag = `{${prefix}:metrics}`;
  return { snapshots: `${tag}:snapshots`, beats: `${tag}:beats`, retired: `${tag}:retired` };
};

// KEYS: snapshots, beats. ARGV: process id, snapshot, 'new' | 'known', 'going on' | 'ending'.
// Returns 0, and writes nothing, when a known process is there no more: its figures were folded while it was silent.
const publishScript = `
if ARGV[3] == 'known' and redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('ZADD', KEYS[2], ARGV[4] == 'ending' and 0 or redis.call('TIME')[1], ARGV[1])
return 1`;

// KEYS: snapshots, beats, retired. ARGV: version of the retired figures that was read, the new ones, silence in
// seconds, then the processes folded into them. Returns 0, and writes nothing, when someone else was quicker or one of
// the processes is back.
const foldScript = `
if (redis.call('HGET', KEYS[3], 'version') or '0') ~= ARGV[1] then return 0 end
local now = redis.call('TIME')[1]
for i = 4, #ARGV do
  local beat = redis.call('ZSCORE', KEYS[2], ARGV[i])
  if not beat or now - beat <= tonumber(ARGV[3]) then return 0 end
end
redis.call('HSET', KEYS[3], 'figures', ARGV[2])
redis.call('HINCRBY', KEYS[3], 'version', 1)
for i = 4, #ARGV do
  redis.call('HDEL', KEYS[1], ARGV[i])
  redis.call('ZREM', KEYS[2], ARGV[i])
end
return 1`;

const addUp = (parts: readonly Metric[][]): Registry => AggregatorRegistry.aggregate(parts as Metric[][]);

const adds = ({ type }: Metric): boolean => type === 'counter' || type === 'histogram';

/** What outlives a process: its counts, which only ever grow. Gauges die with it. */
const lasting = (metrics: readonly Metric[], sign = 1): Metric[] =>
  metrics.filter(adds).map((metric) => ({
    ...metric,
    values: metric.values.map((entry) => ({ ...entry, value: sign * (entry.value ?? 0) })),
  }));

/** Gauges are told apart by their process: an average or a sum would hide the one that is ill. */
const labelled = ({ process, metrics }: Snapshot): Metric[] =>
  metrics.map((metric) => {
    if (adds(metric)) return metric;
    const values = metric.values.filter(({ value }) => value !== null);
    return {
      ...metric,
      aggregator: 'sum',
      values: values.map((entry) => ({ ...entry, labels: { ...entry.labels, process } })),
    };
  });

interface Figures {
  live: Snapshot[];
  retired: Metric[];
}

/** Read everybody's figures, and fold those of the gone into one, so that sums never go back. */
const readFigures = async (redis: Redis, prefix: string): Promise<Figures> => {
  const keys = keysOf(prefix);
  for (let tries = 0; ; tries += 1) {
    const replies = await redis
      .multi()
      .time()
      .zrange(keys.beats, '0', '-1', 'WITHSCORES')
      .hgetallBuffer(keys.snapshots)
      .hgetallBuffer(keys.retired)
      .exec();
    const [time, beatList, packed, kept] = (replies ?? []).map(([error, reply]) => {
      if (error) throw error;
      return reply;
    }) as [[string, string], string[], Record<string, Buffer>, Record<string, Buffer>];

    const now = Number(time[0]);
    const beats = new Map<string, number>();
    for (let i = 0; i < beatList.length; i += 2) beats.set(beatList[i] as string, Number(beatList[i + 1]));
    const live: Snapshot[] = [];
    const gone: [id: string, snapshot: Snapshot][] = [];
    for (const [id, data] of Object.entries(packed)) {
      const snapshot = await unpack<Snapshot>(data);
      if (now - (beats.get(id) ?? 0) > silentSeconds) gone.push([id, snapshot]);
      else live.push(snapshot);
    }
    let retired: Metric[] = kept.figures ? await unpack<Metric[]>(kept.figures) : [];
    if (gone.length > 0) {
      const sum = addUp([retired, ...gone.map(([, snapshot]) => lasting(snapshot.metrics))]);
      retired = (await sum.getMetricsAsJSON()) as unknown as Metric[];
      const version = kept.version?.toString() ?? '0';
      const ids = gone.map(([id]) => id);
      const args = [version, await pack(retired), silentSeconds, ...ids];
      const folded = await redis.eval(foldScript, 3, keys.snapshots, keys.beats, keys.retired, ...args);
      // Someone else folded meanwhile: what was read is no longer so. Once more, from the start.
      if (folded === 0 && tries < 5) continue;
    }
    return { live, retired };
  }
};

export interface MetricsExchange {
  /** Hand in the last figures; they count as those of a process that is gone from then on. */
  stop(): Promise<void>;
}

interface ExchangeOptions {
  /** The queue's Redis. */
  redis: Redis;
  prefix: string;
  metrics: Metrics;
  processName: string;
}

/** Lay this process' figures out where a scrape of any API process finds them, every second, while Redis is there. */
export const startMetricsExchange = ({
  redis,
  prefix,
  metrics,
  processName,
}: ExchangeOptions): MetricsExchange => {
  const keys = keysOf(prefix);
  const id = randomUUID();
  const name = `${processName}-${hostname()}-${process.pid}`;
  metrics.up.set({ process: name }, 1);
  let stage: 'new' | 'known' = 'new';
  /** What was published last, as text: prom-client's own objects go on counting. */
  let published = '[]';
  /** What of this process was folded while it was frozen or cut off, and so must not be counted again. */
  let folded: Metric[] = [];

  const send = async (text: string, course: 'going on' | 'ending'): Promise<boolean> => {
    const own = JSON.parse(text) as Metric[];
    const net = folded.length > 0 ? addUp([own.filter(adds), lasting(folded, -1)]) : undefined;
    const counts = net ? ((await net.getMetricsAsJSON()) as unknown as Metric[]) : own.filter(adds);
    const snapshot: Snapshot = {
      process: name,
      metrics: [...counts, ...own.filter((metric) => !adds(metric))],
    };
    const args = [id, await pack(snapshot), stage, course];
    return (await redis.eval(publishScript, 2, keys.snapshots, keys.beats, ...args)) === 1;
  };

  const publish = async (course: 'going on' | 'ending'): Promise<void> => {
    const text = JSON.stringify(await metrics.registry.getMetricsAsJSON());
    if (!(await send(text, course))) {
      folded = JSON.parse(published) as Metric[];
      stage = 'new';
      await send(text, course);
    }
    stage = 'known';
    published = text;
  };

  let runs = 0;
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> = Promise.resolve();
  const schedule = (afterMs: number) => {
    timer = setTimeout(() => {
      running = publish('going on')
        .then(async () => {
          runs += 1;
          if (runs % foldEvery === 0) await readFigures(redis, prefix);
        })
        // Redis is away, which others report; the next one tells it all.
        .catch(() => {})
        .finally(() => {
          if (timer) schedule(publishMs);
        });
    }, afterMs);
    timer.unref();
  };
  schedule(0);

  return {
    async stop() {
      clearTimeout(timer);
      timer = undefined;
      await running;
      await publish('ending').catch(() => {});
    },
  };
};

/**
 * The figures of all processes in Prometheus' text format: counters and histograms summed over those that live and
 * lived, gauges by process. Up to a second old. With Redis away, those of this process alone.
 */
export const renderAllMetrics = async ({
  redis,
  prefix,
  own,
}: {
  redis: Redis;
  prefix: string;
  own: Metrics;
}): Promise<string> => {
  let figures: Figures;
  try {
    figures = await readFigures(redis, prefix);
  } catch {
    return own.registry.metrics();
  }
  return addUp([figures.retired, ...figures.live.map(labelled)]).metrics();
};
