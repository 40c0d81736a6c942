import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { root } from './run.mjs';
import { runMain, setUp } from './setup.mjs';
import { setUpSchemathesis } from './setup-schemathesis.mjs';

// An outside look at the API, by a client that knows nothing of it but its description. Takes minutes.
await runMain(async () => {
  await setUp({ dist: false });
  await setUpSchemathesis();
  const vitest = join(root, 'node_modules/vitest/vitest.mjs');
  const env = { LOOK_EXAMPLES: '50', ...process.env };
  const [code] = await once(
    spawn(process.execPath, [vitest, 'run', 'test/outside.test.ts'], { cwd: root, env, stdio: 'inherit' }),
    'close',
  );
  return code;
});
