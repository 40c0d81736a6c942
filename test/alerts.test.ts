import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { parse } from 'yaml';
import { projectRoot } from '../src/config.ts';
import { createClient } from './support/client.ts';
import { eventually } from './support/eventually.ts';
import { setup } from './support/setup.ts';
import { interaction } from './support/shop.ts';

const folder = join(projectRoot, 'examples/prometheus');

interface Rule {
  alert: string;
  expr: string;
  labels: Record<string, string>;
  annotations: { summary: string };
}

const readRules = async (): Promise<Rule[]> => {
  const { groups } = parse(await readFile(join(folder, 'alerts.yml'), 'utf8')) as {
    groups: { rules: Rule[] }[];
  };
  return groups.flatMap(({ rules }) => rules);
};

interface Panel {
  id: number;
  type: string;
  title: string;
  gridPos: { h: number; w: number; x: number; y: number };
  targets?: { refId: string; expr: string }[];
}

const readDashboard = async () =>
  JSON.parse(await readFile(join(folder, 'grafana-dashboard.json'), 'utf8')) as {
    uid: string;
    schemaVersion: number;
    templating: { list: { name: string; type: string }[] };
    panels: Panel[];
  };

/** What scripts/setup-promtool.mjs found. */
const promtool = await readFile(join(projectRoot, '.zyra/native/promtool.json'), 'utf8').then(
  (text) => JSON.parse(text) as { program?: string; missing?: string },
  () =>
    ({ missing: 'no promtool was looked for: `npm test` does that' }) as {
      program?: string;
      missing?: string;
    },
);

/** Run promtool; its output, also when it finds something wrong. */
const check = (...args: string[]): Promise<string> =>
  promisify(execFile)(promtool.program as string, args).then(
    ({ stdout, stderr }) => stdout + stderr,
    (error: { stdout?: string; stderr?: string }) => `FAILED ${error.stdout}${error.stderr}`,
  );

/** Values a minute apart, in promtool's notation, and when to look. */
interface Case {
  series: Record<string, string>;
  /** Labels of the alert beside its severity; one alert for each. */
  labels?: Record<string, string>[];
  at?: string;
}

const up = { 'zyra_redis_up{server="queue"}': '1x60', zyra_postgres_up: '1x60' };
const waiting = 'zyra_queue_jobs{queue="reviews",state="waiting"}';
const buckets = (fast: string, all: string) => ({
  'zyra_event_to_applied_seconds_bucket{type="review",le="5"}': fast,
  'zyra_event_to_applied_seconds_bucket{type="review",le="10"}': all,
  'zyra_event_to_applied_seconds_bucket{type="review",le="+Inf"}': all,
});
const memory = (server: string, used: number) => ({
  [`zyra_redis_memory_bytes{server="${server}",kind="used"}`]: `${used}x60`,
  [`zyra_redis_memory_bytes{server="${server}",kind="allowed"}`]: '100x60',
});
const ofTwo = (name: string, first: number, second: number) => ({
  [`${name}{kind="${name.includes('disk') ? 'free' : 'used'}"}`]: `${first}x60`,
  [`${name}{kind="${name.includes('disk') ? 'size' : 'allowed'}"}`]: `${second}x60`,
});
const processes = (last: string) => ({
  'zyra_process_up{process="api-a-1"}': '1x60',
  'zyra_process_up{process="api-a-2"}': '1x60',
  'zyra_process_up{process="worker-a-3"}': last,
});

/** When each fires, and something like it that must wake nobody. */
const cases: Record<string, { fires: Case; quiet: Case }> = {
  ZyraNotScraped: { fires: { series: { up: '1x60' } }, quiet: { series: up } },
  ZyraPostgresAway: {
    fires: { series: { zyra_postgres_up: '1x5 0x40' } },
    // Away for a moment.
    quiet: { series: { zyra_postgres_up: '1x11 0 1x30' }, at: '12m' },
  },
  ZyraRedisAway: {
    fires: { series: { 'zyra_redis_up{server="cache"}': '0x60' }, labels: [{ server: 'cache' }] },
    quiet: { series: { 'zyra_redis_up{server="cache"}': '1x60' } },
  },
  ZyraQueueMemoryHigh: { fires: { series: memory('queue', 60) }, quiet: { series: memory('queue', 40) } },
  ZyraCacheMemoryHigh: { fires: { series: memory('cache', 95) }, quiet: { series: memory('cache', 80) } },
  ZyraDiskLow: {
    fires: { series: ofTwo('zyra_artifacts_disk_bytes', 5, 100) },
    quiet: { series: ofTwo('zyra_artifacts_disk_bytes', 20, 100) },
  },
  ZyraConnectionsHigh: {
    fires: { series: ofTwo('zyra_postgres_connections', 95, 100) },
    quiet: { series: ofTwo('zyra_postgres_connections', 80, 100) },
  },
  ZyraProcessGone: {
    fires: { series: processes('1x8 stale') },
    // Another took its place.
    quiet: { series: { ...processes('1x8 stale'), 'zyra_process_up{process="worker-a-4"}': '_x8 1x36' } },
  },
  ZyraNoWorkers: {
    fires: { series: { ...up, 'zyra_process_up{process="api-a-1"}': '1x60' }, labels: [{}] },
    // Whether there are any is not known while Redis is away: that has its own alarm.
    quiet: { series: { 'zyra_redis_up{server="queue"}': '0x60' } },
  },
  ZyraNoScheduler: {
    fires: { series: { ...up, 'zyra_process_up{process="worker-a-1"}': '1x60' }, labels: [{}] },
    quiet: { series: { ...up, 'zyra_process_up{process="scheduler-a-1"}': '1x60' } },
  },
  ZyraWorkStopped: {
    fires: {
      series: {
        [waiting]: '5x60',
        'zyra_jobs_total{queue="reviews",job_name="upsert-reviews",outcome="done"}': '7x60',
      },
      labels: [{ queue: 'reviews' }],
    },
    quiet: {
      series: {
        [waiting]: '5x60',
        'zyra_jobs_total{queue="reviews",job_name="upsert-reviews",outcome="done"}': '0+7x60',
      },
    },
  },
  ZyraQueueOld: {
    fires: {
      series: { 'zyra_queue_oldest_age_seconds{queue="purchases"}': '60x60' },
      labels: [{ queue: 'purchases' }],
    },
    // A training may take its time.
    quiet: { series: { 'zyra_queue_oldest_age_seconds{queue="training"}': '600x60' } },
  },
  ZyraListsOld: {
    fires: { series: { 'zyra_queue_oldest_age_seconds{queue="recommendations"}': '60x60' } },
    quiet: { series: { 'zyra_queue_oldest_age_seconds{queue="recommendations"}': '3x60' } },
  },
  ZyraEventsUnaccounted: {
    fires: { series: { zyra_intake_open_events: '3x60', [waiting]: '0x60' } },
    quiet: { series: { zyra_intake_open_events: '3x60', [waiting]: '1x60' } },
  },
  ZyraEventsMissing: {
    fires: { series: { zyra_intake_missing_events_total: '0x5 12x55' } },
    quiet: { series: { zyra_intake_missing_events_total: '12x60' } },
  },
  ZyraEventsParked: {
    fires: { series: { 'zyra_parked_events{state="failed"}': '1x60' } },
    quiet: {
      series: { 'zyra_parked_events{state="refused"}': '9x60', 'zyra_parked_events{state="failed"}': '0x60' },
    },
  },
  ZyraEventsWaiting: {
    fires: { series: { 'zyra_parked_events{state="waiting"}': '0+10x60' } },
    quiet: { series: { 'zyra_parked_events{state="waiting"}': '100-1x60' } },
  },
  ZyraJobsFailed: {
    fires: {
      series: { 'zyra_queue_jobs{queue="upkeep",state="failed"}': '1x60' },
      labels: [{ queue: 'upkeep' }],
    },
    quiet: { series: { 'zyra_queue_jobs{queue="upkeep",state="failed"}': '0x60' } },
  },
  ZyraApplyingSlow: {
    fires: { series: buckets('0+90x60', '0+100x60') },
    quiet: { series: buckets('0+100x60', '0+100x60') },
  },
  ZyraEventsRefused: {
    fires: {
      series: {
        'zyra_http_request_seconds_count{method="POST",route="/v1/purchases",status="503"}': '0+2x60',
      },
    },
    quiet: {
      series: {
        'zyra_http_request_seconds_count{method="POST",route="/v1/purchases",status="202"}': '0+2x60',
      },
    },
  },
  ZyraErrors: {
    fires: {
      series: {
        'zyra_http_request_seconds_count{method="GET",route="/v1/search",status="500"}': '_x11 1x30',
      },
    },
    quiet: {
      series: { 'zyra_http_request_seconds_count{method="GET",route="/v1/search",status="500"}': '1x60' },
    },
  },
  ZyraLocksLost: {
    fires: {
      series: { 'zyra_lock_renewal_failed_total{queue="index"}': '_x10 1x30' },
      labels: [{ queue: 'index' }],
    },
    quiet: { series: { 'zyra_lock_renewal_failed_total{queue="index"}': '4x60' } },
  },
  ZyraWorkersDie: {
    fires: { series: { 'zyra_jobs_stalled_total{queue="users"}': '0+2x60' }, labels: [{ queue: 'users' }] },
    // One deploy by force.
    quiet: { series: { 'zyra_jobs_stalled_total{queue="users"}': '0x8 4x35' } },
  },
  ZyraWorkersWait: {
    fires: { series: { zyra_worker_outage_retries_total: '0+3x60' } },
    quiet: { series: { zyra_worker_outage_retries_total: '3x60' } },
  },
  ZyraFileRefused: {
    fires: { series: { zyra_artifacts_refused_total: '0x11 1x30' } },
    quiet: { series: { zyra_artifacts_refused_total: '1x60' } },
  },
  ZyraAggregatesDiffered: {
    fires: { series: { 'zyra_reconcile_differences_total{aggregate="rating"}': '_x11 2x30' } },
    quiet: { series: { 'zyra_reconcile_differences_total{aggregate="rating"}': '2x90' }, at: '62m' },
  },
  ZyraStaleForLong: {
    fires: { series: { 'zyra_stale_keys{kind="words"}': '2x60' }, labels: [{ kind: 'words' }], at: '31m' },
    // Always something, and always done with.
    quiet: {
      series: {
        'zyra_stale_keys{kind="words"}':
          '0 50 20 0 10 5 30 0 10 10 10 0 50 20 0 10 5 30 0 10 10 10 0 9 9 9 0 9 9 9 0 9',
      },
      at: '31m',
    },
  },
  ZyraModelOld: {
    fires: { series: { 'zyra_served_since_seconds{kind="model"}': '-300000x90' }, at: '62m' },
    quiet: { series: { 'zyra_served_since_seconds{kind="model"}': '-100000x90' }, at: '62m' },
  },
  ZyraAnswersUnlogged: {
    fires: { series: { 'zyra_recommendations_unlogged_total{why="too many"}': '0+5x60' } },
    quiet: { series: { 'zyra_recommendations_unlogged_total{why="too many"}': '5x60' } },
  },
};

test('every alarm fires when it should, and something like it wakes nobody', {
  timeout: 120_000,
}, async ({ skip }) => {
  skip(promtool.program === undefined, promtool.missing);
  const rules = await readRules();
  expect(rules.map(({ alert }) => alert).sort()).toEqual(Object.keys(cases).sort());
  const manual = await readFile(join(projectRoot, 'OPERATIONS.md'), 'utf8');
  expect(rules.filter(({ alert }) => !manual.includes(`\`${alert}\``))).toEqual([]);
  expect(await check('check', 'rules', join(folder, 'alerts.yml'))).toContain(
    `SUCCESS: ${rules.length} rules`,
  );
  expect(await check('check', 'config', '--syntax-only', join(folder, 'prometheus.yml'))).toContain(
    'SUCCESS',
  );
  const tests = rules.flatMap(({ alert, labels: own, annotations }) =>
    (['fires', 'quiet'] as const).map((kind) => {
      const { series, labels = [{}], at = '13m' } = (cases[alert] as { fires: Case; quiet: Case })[kind];
      return {
        name: `${alert} ${kind}`,
        interval: '1m',
        input_series: Object.entries(series).map(([name, values]) => ({ series: name, values })),
        alert_rule_test: [
          {
            eval_time: at,
            alertname: alert,
            exp_alerts:
              kind === 'quiet'
                ? []
                : labels.map((more) => ({ exp_labels: { ...own, ...more }, exp_annotations: annotations })),
          },
        ],
      };
    }),
  );
  const scratch = await mkdtemp(join(tmpdir(), 'zyra-alerts-'));
  onTestFinished(() => rm(scratch, { recursive: true, force: true }));
  const file = join(scratch, 'tests.json');
  await writeFile(
    file,
    JSON.stringify({ rule_files: [join(folder, 'alerts.yml')], evaluation_interval: '1m', tests }),
  );
  expect(await check('test', 'rules', file)).toMatch(/SUCCESS\s*$/);
});

test('what is asked of a dashboard is in its place, and its queries are queries', async ({ skip }) => {
  const { uid, schemaVersion, templating, panels } = await readDashboard();
  expect({ uid, variables: templating.list.map(({ name, type }) => ({ name, type })) }).toEqual({
    uid: 'zyra',
    variables: [{ name: 'datasource', type: 'datasource' }],
  });
  expect(schemaVersion).toBeGreaterThanOrEqual(36);
  expect(panels.filter(({ type }) => type === 'row').map(({ title }) => title)).toEqual([
    'Now',
    'Intake',
    'Queues',
    'Applying',
    'Lists and freshness',
    'Index and model',
    'Servers',
  ]);
  expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
  const taken = new Set<string>();
  for (const { gridPos, title } of panels) {
    for (let x = gridPos.x; x < gridPos.x + gridPos.w; x += 1) {
      for (let y = gridPos.y; y < gridPos.y + gridPos.h; y += 1) {
        expect(x < 24 && !taken.has(`${x}:${y}`), title).toBe(true);
        taken.add(`${x}:${y}`);
      }
    }
  }
  skip(promtool.program === undefined, promtool.missing);
  const scratch = await mkdtemp(join(tmpdir(), 'zyra-dashboard-'));
  onTestFinished(() => rm(scratch, { recursive: true, force: true }));
  const rules = panels
    .flatMap(({ targets = [] }) => targets)
    .map(({ expr }, at) => ({ record: `panel:${at}`, expr: expr.replaceAll('$__rate_interval', '1m') }));
  const file = join(scratch, 'rules.json');
  await writeFile(file, JSON.stringify({ groups: [{ name: 'dashboard', rules }] }));
  expect(await check('check', 'rules', file)).toContain(`SUCCESS: ${rules.length} rules`);
});

test('every figure that an alarm or the dashboard asks for is one that the system tells', async () => {
  const { startApi, startWorkers } = await setup();
  const { url, keys } = await startApi();
  startWorkers();
  const client = createClient(url, keys.admin);
  const { event_id: _, received_at: __, ...event } = interaction();
  expect((await client.post('/v1/interactions', event)).status).toBe(202);
  const queries = [
    ...(await readRules()).map(({ expr }) => expr),
    ...(await readDashboard()).panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr)),
  ].join('\n');
  await eventually(async () => {
    const { text } = await client.get('/metrics');
    expect(text).toContain('zyra_jobs_total{');
    const told = new Map([...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => [name, type]));
    for (const [name] of queries.matchAll(/zyra_\w+/g)) {
      const histogram = name.replace(/_(bucket|count|sum)$/, '');
      expect(told.has(name) || told.get(histogram) === 'histogram', name).toBe(true);
    }
    // Labels too, where there is anything to compare with.
    for (const [, name = '', matchers = ''] of queries.matchAll(/(zyra_\w+)\{([^}]*)\}/g)) {
      const samples = [...text.matchAll(new RegExp(`^${name}\\{(.*)\\} `, 'gm'))];
      for (const [, label] of matchers.matchAll(/(\w+)=~?"/g))
        expect(
          samples.length === 0 || samples.some(([, labels]) => labels?.includes(`${label}="`)),
          `${name} ${label}`,
        ).toBe(true);
    }
  });
});
