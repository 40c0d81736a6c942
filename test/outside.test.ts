import { spawn } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { projectRoot } from '../src/config.ts';
import { startSystem } from './support/system.ts';

type Found = { program: string } | { missing: string };

const found = await readFile(join(projectRoot, '.zyra/native/schemathesis.json'), 'utf8').then(
  (record) => JSON.parse(record) as Found,
  (): Found => ({ missing: 'Schemathesis was not looked for: `npm run look` does that' }),
);

/** Examples a route; `npm run look` takes more. */
const examples = process.env.LOOK_EXAMPLES ?? '5';

const leftOut = [
  // Whether it is taken depends on what JSON Schema cannot say: a time not in the future, a cursor that was handed out, a
  // number of at most 15 digits, one of two fields.
  'positive_data_acceptance',
  // By our contract a method nobody listed is an unknown route, 404.
  'unsupported_method',
];

test('a client that knows only the OpenAPI description finds nothing that contradicts it', async ({
  skip,
}) => {
  skip('missing' in found, 'missing' in found ? found.missing : undefined);
  const { program } = found as { program: string };
  const { url, keys, dir } = await startSystem({ LOG_LEVEL: 'warn' });
  // 503 with Retry-After is our word for "too busy just now", on a machine that runs other tests besides.
  const expected = '[checks]\nnot_a_server_error.expected-statuses = ["2xx", "3xx", "4xx", "503"]\n';
  await writeFile(join(dir, 'schemathesis.toml'), expected);
  const child = spawn(
    program,
    [
      ...['run', `${url}/openapi.json`, '--header', `Authorization: Bearer ${keys.admin}`],
      // One thread: in two, Python 3.11 now and then fails to parse what its Hypothesis prints (python/cpython#106905).
      ...['--max-examples', examples, '--seed', process.env.LOOK_SEED ?? '1', '--workers', '1'],
      ...['--exclude-checks', leftOut.join(), '--continue-on-failure', '--request-timeout', '20'],
      // Its lines are no JSON that the client could make; test/fuzz.test.ts does. Nothing is to be learnt from metrics.
      ...['--exclude-path-regex', '^/(v1/events|metrics)$', '--phases', 'coverage,fuzzing'],
      // Its own slowness is no finding.
      ...['--suppress-health-check', 'all', '--no-color', '--warnings', 'off'],
    ],
    { cwd: dir, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  const [said, complained, code] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  expect(code, `${said.slice(-8_000)}\n${complained.slice(-2_000)}`).toBe(0);
  process.stdout.write(`${said.slice(said.indexOf('= SUMMARY')).replaceAll(/\n+/g, '\n')}\n`);
}, 3_600_000);
