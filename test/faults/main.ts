// The fault harness: `npm run faults -- --scale s|m|l [--seed N] [--only NAME] [--list] [--mutations]`. One JSON line a scenario goes to
// standard output, everything else to standard error.
import { parseArgs } from 'node:util';
import { mutations, playMutation } from './mutations.ts';
import { startRunner } from './run.ts';
import type { Scale } from './scenario.ts';
import { scenarios } from './scenarios/index.ts';

const { values } = parseArgs({
  options: {
    scale: { type: 'string', default: 's' },
    seed: { type: 'string' },
    only: { type: 'string', multiple: true },
    list: { type: 'boolean', default: false },
    mutations: { type: 'boolean', default: false },
  },
});

const say = (line: string) => void process.stderr.write(`${line}\n`);
const print = (line: object) => void process.stdout.write(`${JSON.stringify(line)}\n`);

const main = async (): Promise<number> => {
  if (values.list) {
    for (const { name, promise } of scenarios) say(`${name.padEnd(28)} ${promise}`);
    return 0;
  }
  if (!['s', 'm', 'l'].includes(values.scale)) {
    say('--scale is s, m or l');
    return 2;
  }
  const seed = Number(values.seed ?? Date.now() % 1_000_000);
  if (values.mutations) {
    say(`seed ${seed}, ${mutations.length} mutations`);
    let noticed = true;
    for (const mutation of mutations) {
      if (values.only && !values.only.some((part) => mutation.name.includes(part))) continue;
      const verdict = await playMutation(mutation, seed, say);
      print(verdict);
      noticed &&= verdict.noticed;
    }
    return noticed ? 0 : 1;
  }
  const wanted = scenarios.filter(
    ({ name }) => !values.only || values.only.some((part) => name.includes(part)),
  );
  if (wanted.length === 0) {
    say(`No scenario is called that; --list names them.`);
    return 2;
  }
  say(`seed ${seed}, scale ${values.scale}, ${wanted.length} scenarios`);
  const runner = await startRunner({ seed, scale: values.scale as Scale, log: say });
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => void runner.stop().finally(() => process.exit(130)));
  let passed = true;
  try {
    for (const scenario of wanted) {
      if (!runner.can(scenario)) {
        say(`${scenario.name} is left out: there is no C compiler`);
        continue;
      }
      const verdict = await runner.play(scenario);
      print(verdict);
      passed &&= verdict.passed;
    }
  } finally {
    await runner.stop();
  }
  return passed ? 0 : 1;
};

process.exitCode = await main();
