import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { verdictOf } from '../bench/report.ts';
import { entryOf } from '../bench/run.ts';
import type { Figure } from '../bench/scenario.ts';
import { scenarios } from '../bench/scenarios/index.ts';
import { projectRoot } from '../src/config.ts';

const promised = [
  ...['single-intake', 'array-intake', 'ndjson-intake', 'commit-vs-rival', 'commit-vs-unnest', 'intake-p99'],
  ...['freshness-p50', 'freshness-p99', 'read-vs-bare', 'search-p99', 'embedding-vs-onnxruntime'],
  ...['index-build', 'train-fit', 'refresh-all', 'rss-flat', 'start-warm'],
];

test('everything that was promised is measured, each under one name and with an aim', () => {
  const figures = scenarios.flatMap((scenario) => scenario.figures);
  const names = figures.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  expect(scenarios.filter(({ onDemand }) => !onDemand).flatMap((scenario) => scenario.figures)).toEqual(
    expect.arrayContaining(promised.map((name) => expect.objectContaining({ name }))),
  );
  for (const { aim, against } of figures) {
    for (const value of typeof aim.value === 'number' ? [aim.value] : Object.values(aim.value))
      expect(value).toBeGreaterThan(0);
    // A ratio is judged only where it is said what it is to.
    if (aim.of === 'ratio') expect(against).toBeDefined();
  }
});

test('a ratio is the median of those of each round, so that what meets both sides alike changes nothing', () => {
  const figure: Figure = {
    ...{ name: 'one', unit: 'events/s', what: 'a thing', against: 'limit' },
    aim: { of: 'ratio', want: '>=', value: 0.6 },
  };
  // The machine was three times as slow in the second round.
  const entry = entryOf(figure, { ours: [70, 20, 64], limit: [100, 33, 100], rival: [7, 2, 8] }, 's');
  expect(entry).toMatchObject({
    ours: 64,
    rival: 7,
    limit: 100,
    ratio: 0.64,
    aim: 0.6,
    met: true,
    rounds: 3,
  });
  expect(entry.spread).toEqual([0.6061, 0.7]);
  const short = entryOf(figure, { ours: [50], limit: [100] }, 's');
  expect(short).toMatchObject({ ratio: 0.5, met: false, rival: null });
  expect(verdictOf(short)).toBe('NOT MET  one: ratio at least 0.6, is 0.5');
  expect(entryOf(figure, { ours: [] }, 's')).toMatchObject({ ours: null, ratio: null, aim: 0.6, met: false });
});

/** As `npm run bench -- …` once it is compiled. */
const bench = async (...args: string[]) => {
  const folder = await mkdtemp(join(tmpdir(), 'zyra-bench-test-'));
  const json = join(folder, 'result.json');
  const program = [join(projectRoot, 'dist/bench/main.js'), '--json', json, ...args];
  try {
    const { code, stdout } = await promisify(execFile)(process.execPath, program).then(
      (said) => ({ ...said, code: 0 }),
      (failure: { code: number; stdout: string }) => failure,
    );
    return { code, stdout, entries: JSON.parse(await readFile(json, 'utf8')) as unknown };
  } finally {
    await rm(folder, { recursive: true });
  }
};

test('a run writes its table, its verdicts and the same as JSON', async () => {
  const sizes = ['users=300', 'items=1000', 'signals=5000'].flatMap((size) => ['--set', size]);
  const { code, stdout, entries } = await bench('--only', 'train-fit', ...sizes);
  expect(entries).toEqual([
    {
      ...{ name: 'train-fit', unit: 's', ours: expect.any(Number), rival: null, limit: null, ratio: null },
      ...{ spread: [expect.any(Number), expect.any(Number)], aim: 45, of: 'ours', want: '<=', met: true },
      ...{ rounds: 1, notes: expect.objectContaining({ users: 300 }) },
    },
  ]);
  expect(stdout).toMatch(/^name +unit +ours.*\ntrain-fit +s +.*\n\nmet +train-fit: s at most 45, is /);
  expect(code).toBe(0);
});

test('a scenario that fails says why, and the run says that it did', async () => {
  const { code, entries } = await bench('--only', 'train-fit', '--set', 'users=many');
  expect(entries).toEqual([
    expect.objectContaining({
      ...{ name: 'train-fit', ours: null, spread: null, aim: 45, met: false },
      error: '--set users must be a number',
    }),
  ]);
  expect(code).toBe(1);
});
