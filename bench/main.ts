// The table and the verdicts go to standard output, what is going on to standard error.
import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { projectRoot } from '../src/config.ts';
import { tableOf, verdictOf } from './report.ts';
import { playScenario } from './run.ts';
import type { Entry, Scale } from './scenario.ts';
import { scenarios } from './scenarios/index.ts';
import { stopAll } from './support/system.ts';

const usage =
  'npm run bench -- [--only NAME[,NAME]] [--scale s|l] [--rounds N] [--set NAME=VALUE] [--json FILE] [--list]';

const say = (line: string) => void process.stderr.write(`${line}\n`);

const readOptions = () => {
  try {
    return parseArgs({
      options: {
        only: { type: 'string', multiple: true },
        scale: { type: 'string', default: 's' },
        rounds: { type: 'string' },
        set: { type: 'string', multiple: true, default: [] },
        json: { type: 'string' },
        list: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    }).values;
  } catch (error) {
    say((error as Error).message);
    return undefined;
  }
};

const main = async (): Promise<number> => {
  const values = readOptions();
  if (!values || values.help) {
    say(`${usage}\nPERFORMANCE.md says what each name means.`);
    return values ? 0 : 2;
  }
  if (values.list) {
    for (const { figures, onDemand } of scenarios)
      for (const { name, what } of figures)
        console.log(`${name.padEnd(24)} ${what}${onDemand ? ' (only when named)' : ''}`);
    return 0;
  }
  const { scale } = values;
  const rounds = values.rounds === undefined ? undefined : Number(values.rounds);
  const wanted = values.only?.flatMap((names) => names.split(','));
  const known = new Set(scenarios.flatMap(({ figures }) => figures.map(({ name }) => name)));
  const unknown = wanted?.filter((name) => !known.has(name)) ?? [];
  const problem =
    (scale !== 's' && scale !== 'l' && '--scale is s or l') ||
    (rounds !== undefined && !(Number.isInteger(rounds) && rounds > 0) && '--rounds is a number from 1') ||
    (values.set.some((one) => !one.includes('=')) && '--set is NAME=VALUE') ||
    (unknown.length > 0 && `Nothing is called ${unknown.join(', ')}; --list names what there is.`);
  if (problem) {
    say(problem);
    return 2;
  }
  const settings = new Map(
    values.set.map((one): [string, string] => {
      const at = one.indexOf('=');
      return [one.slice(0, at), one.slice(at + 1)];
    }),
  );
  const plots = values.json === undefined ? join(projectRoot, 'bench/results') : dirname(values.json);
  const entries: Entry[] = [];
  for (const scenario of scenarios) {
    const names = scenario.figures.map(({ name }) => name);
    if (wanted ? !names.some((name) => wanted.includes(name)) : scenario.onDemand) continue;
    const began = performance.now();
    say(names.join(', '));
    const found = await playScenario(scenario, {
      ...{ scale: scale as Scale, rounds, settings, plots },
      say: (line) => say(`  ${((performance.now() - began) / 1_000).toFixed(0).padStart(4)} s  ${line}`),
    });
    for (const entry of found) say(`  ${verdictOf(entry)}`);
    entries.push(...found);
    // After each: of a run that is broken off, what was found until then is there.
    if (values.json) await writeFile(values.json, `${JSON.stringify(entries, null, 2)}\n`);
  }
  console.log(`${tableOf(entries)}\n\n${entries.map(verdictOf).join('\n')}`);
  return entries.every(({ met }) => met) ? 0 : 1;
};

for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => void stopAll().finally(() => process.exit(130)));
process.exitCode = await main();
