import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { projectRoot } from '../../src/config.ts';

interface Mutation {
  name: string;
  /** What is broken, in a line. */
  breaks: string;
  file: string;
  from: string;
  to: string;
  /** The scenario that has to notice. */
  scenario: string;
}

/** One promise each, broken on purpose: a harness that stays green then shows nothing. */
export const mutations: readonly Mutation[] = [
  {
    name: 'no-ledger',
    breaks: 'an id that is there already counts as new',
    // The last migration that writes this function: of those before nothing is left.
    file: 'migrations/0036_batches_as_columns.sql',
    from: "select event_id, 'record-interactions', payload_hash from event where fresh order by event_id",
    to: "select gen_random_uuid(), 'record-interactions', payload_hash from event where fresh",
    scenario: 'F10-same-event-a-thousand-times',
  },
  {
    name: 'early-ack',
    breaks: 'a job is acknowledged before it is applied',
    file: 'dist/src/queue/start-workers.js',
    from: 'await outlastOutages(() => handler(parsed.data, context, run), jobLog);',
    to: 'void outlastOutages(() => handler(parsed.data, context, run), jobLog).catch(() => {});',
    scenario: 'F2-kill-at-each-step',
  },
  {
    name: 'early-202',
    breaks: 'a 202 before Redis has confirmed',
    file: 'dist/src/queue/intake.js',
    from: 'return batch.done;',
    to: 'batch.done.catch(() => {});\n        return Promise.resolve();',
    scenario: 'F3-redis-killed',
  },
  {
    name: 'everysec',
    breaks: 'Redis syncs once a second',
    file: 'dist/src/embedded/redis.js',
    from: "appendfsync: 'always'",
    to: "appendfsync: 'everysec'",
    scenario: 'F4-power-cut',
  },
  {
    name: 'max-stalled-count-1',
    breaks: 'a job whose worker died twice counts as failed',
    file: 'dist/src/queue/start-workers.js',
    from: 'maxStalledCount: 1_000_000',
    to: 'maxStalledCount: 1',
    scenario: 'F14-event-that-kills',
  },
  {
    name: 'torn-index',
    breaks: 'files of the index are published before they are whole',
    file: 'dist/src/artifacts/local.js',
    from: 'await folder.place(source.file, key);',
    to: "await (await import('node:fs/promises')).truncate(source.file, 1_000);\n            await folder.place(source.file, key);",
    scenario: 'F17-kill-inside-derived',
  },
];

/** Play the scenario that has to notice on a copy of the project in which a promise is broken. */
export const playMutation = async (mutation: Mutation, seed: number, log: (line: string) => void) => {
  const began = performance.now();
  const copy = mkdtempSync(join(tmpdir(), 'zyra-mutation-'));
  try {
    for (const part of ['dist', 'migrations', 'package.json', 'test/faults'])
      cpSync(join(projectRoot, part), join(copy, part), { recursive: true });
    for (const part of ['node_modules', '.zyra']) symlinkSync(join(projectRoot, part), join(copy, part));
    const file = join(copy, mutation.file);
    const text = readFileSync(file, 'utf8');
    if (!text.includes(mutation.from)) throw new Error(`${mutation.file} has no such place any more`);
    writeFileSync(file, text.replace(mutation.from, mutation.to));
    const args = [
      join(copy, 'dist/test/faults/main.js'),
      '--seed',
      String(seed),
      '--only',
      mutation.scenario,
    ];
    const child = spawn(process.execPath, args, { cwd: copy, stdio: ['ignore', 'pipe', 'pipe'] });
    let out = '';
    child.stdout.on('data', (text) => {
      out += text;
    });
    child.stderr.on('data', (text) => log(`${mutation.name}: ${String(text).trimEnd()}`));
    await once(child, 'close');
    const verdict = JSON.parse(out.trim() || '{}') as { passed?: boolean; lost?: number; double?: number };
    return {
      ...{ mutation: mutation.name, breaks: mutation.breaks, ...verdict },
      // Without a verdict nothing was noticed.
      noticed: verdict.passed === false,
      seconds: Math.round((performance.now() - began) / 100) / 10,
    };
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
};
