import { existsSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { root, run, step, succeeds } from './run.mjs';
import { setUpTestTool } from './test-tool.mjs';

const version = '4.32.5';
const folder = join(root, `.zyra/native/schemathesis-${version}`);
const program = join(folder, 'bin/schemathesis');
/** Read by the test that has it look at the API: `{ program }`, or `{ missing }` with the reason why there is none. */
const record = join(root, '.zyra/native/schemathesis.json');

const answers = () => existsSync(program) && succeeds(program, ['--version']);

const obtain = async () => {
  try {
    await step(
      'Schemathesis, for one test only: from the Python package index into .zyra/native',
      async () => {
        await rm(folder, { recursive: true, force: true });
        await mkdir(dirname(folder), { recursive: true });
        await run('python3', ['-m', 'venv', folder]);
        await run(
          join(folder, 'bin/python'),
          ['-m', 'pip', 'install', '-q', '--only-binary=:all:', `schemathesis==${version}`],
          {
            timeoutMs: 600_000,
          },
        );
      },
    );
    return (await answers()) ? { program } : { missing: 'schemathesis does not start' };
  } catch (error) {
    return { missing: error.message };
  }
};

/** Get Schemathesis, a client that tries an API out by its OpenAPI description. */
export const setUpSchemathesis = () =>
  setUpTestTool({
    record,
    tests: 'The outside look at the API',
    works: (recorded) => recorded.program === program && answers(),
    obtain: async () => ((await answers()) ? { program } : obtain()),
  });
