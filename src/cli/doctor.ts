import { Command } from 'commander';
import { z } from 'zod';
import { ask } from './api-client.ts';
import { findConfig } from './connection.ts';
import { attempt, type Finding, failed, ok } from './doctor-finding.ts';
import { checkHost } from './doctor-host.ts';
import { checkDatabase, checkRedis } from './doctor-stores.ts';
import { exitCodes, oneLine } from './failure.ts';
import { printable } from './table.ts';

interface DoctorOptions {
  api?: string;
  json?: boolean;
}

export const doctorCommand = (): Command =>
  new Command('doctor')
    .description('check everything the system rests on, and say what to do about each finding')
    .option('--api <url>', 'address of the API (default: the running `npm start`, else HOST and PORT)')
    .option('--json', 'print the findings as JSON')
    .addHelpText('after', '\nEnds with 1 when a check failed; warnings alone end with 0. It changes nothing.')
    .action(examine);

const examine = async (options: DoctorOptions): Promise<void> => {
  const findings = await diagnose(options);
  process.stdout.write(options.json ? `${JSON.stringify(findings)}\n` : report(findings));
  if (findings.some(({ state }) => state === 'failed')) process.exitCode = exitCodes.failed;
};

const diagnose = async ({ api }: DoctorOptions): Promise<Finding[]> => {
  let found: Awaited<ReturnType<typeof findConfig>>;
  try {
    found = await findConfig();
  } catch (error) {
    const todo = 'start the system with `npm start`, or set the variables of .env.example';
    return [failed('config', oneLine(error), todo), ...(await checkHost(undefined))];
  }
  const { config, source } = found;
  const url = api ?? found.api;
  const checked = await Promise.all([
    checkHost(config),
    checkDatabase(config),
    checkRedis(config),
    attempt('api', `start it (\`npm start\`, or dist/src/api-main.js), or say where it is with --api`, () =>
      checkApi(url),
    ),
  ]);
  return [ok('config', `complete, from ${source}`), ...checked.flat()];
};

const NotReady = z.looseObject({ detail: z.string().optional() });

const checkApi = async (url: string): Promise<Finding> => {
  const alive = await ask(new URL('/healthz', url), { timeoutMs: 5_000 });
  if (alive.status !== 200)
    return failed('api', `${url}/healthz answers ${alive.status}`, 'restart it and look at its log');
  const prepared = await ask(new URL('/readyz', url), { timeoutMs: 5_000 });
  if (prepared.status === 200) return ok('api', `ready at ${url}`);
  const said = NotReady.safeParse(prepared.json).data?.detail ?? JSON.stringify(prepared.json);
  return failed('api', `not ready: ${said}`, 'mend what it names; it becomes ready by itself');
};

const marks = { ok: 'ok     ', warning: 'WARNING', failed: 'FAILED ' } as const;
const colours = { ok: 32, warning: 33, failed: 31 } as const;

const report = (findings: readonly Finding[]): string => {
  const width = Math.max(...findings.map(({ check }) => check.length));
  const paint = (text: string, colour: number) =>
    process.stdout.isTTY ? `\x1b[${colour}m${text}\x1b[0m` : text;
  const lines = findings.flatMap(({ check, state, says, todo }) => [
    `${paint(marks[state], colours[state])}  ${check.padEnd(width)}  ${printable(says)}`,
    ...(todo === undefined ? [] : [`${' '.repeat(width + 11)}-> ${todo}`]),
  ]);
  const count = (state: Finding['state']) => findings.filter((finding) => finding.state === state).length;
  const summary = `${count('failed')} failed, ${count('warning')} warnings, ${count('ok')} ok`;
  return `${[...lines, summary].join('\n')}\n`;
};
