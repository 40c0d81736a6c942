import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { projectRoot } from '../../src/config.ts';
import { mutations } from './mutations.ts';
import { startRunner } from './run.ts';
import type { Scale } from './scenario.ts';
import { scenarios } from './scenarios/index.ts';

/** `FAULTS_SCALE=m` for more of everything, `FAULTS_SEED=N` to see a plan again; `npm run faults` prints only results. */
const scale = (process.env.FAULTS_SCALE ?? 's') as Scale;
const seed = Number(process.env.FAULTS_SEED ?? Date.now() % 1_000_000);

let runner: Awaited<ReturnType<typeof startRunner>>;
const said: string[] = [];

beforeAll(async () => {
  runner = await startRunner({ seed, scale, log: (line) => said.push(line) });
}, 180_000);
afterAll(() => runner.stop(), 120_000);

test.each(mutations)('$name finds the place that it breaks', ({ file, from }) => {
  expect(readFileSync(join(projectRoot, file), 'utf8')).toContain(from);
});

// One after another: they share the running system.
test.each(scenarios)(
  '$name: $promise',
  { timeout: scale === 's' ? 900_000 : 7_200_000 },
  async (scenario) => {
    if (!runner.can(scenario)) {
      process.stdout.write(`${scenario.name} is left out: there is no C compiler\n`);
      return;
    }
    const from = said.length;
    const verdict = await runner.play(scenario);
    process.stdout.write(`${JSON.stringify(verdict)}\n`);
    expect(verdict, said.slice(from).join('\n')).toMatchObject({
      ...{ lost: 0, double: 0, unexpected: 0, aggregates_differ: 0, passed: true },
    });
  },
);
