import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { takeLock } from './lock.mjs';
import { root } from './run.mjs';
import { runMain, setUp } from './setup.mjs';

await runMain(async () => {
  const args = process.argv.slice(2);
  const { env } = process;
  // Before the set-up: it may empty node_modules, which a running system needs.
  if (!args.includes('--help')) {
    await takeLock(join(root, '.zyra/start.lock'), 'zyra');
    // Left over when the last start was killed.
    await rm(join(root, '.zyra/run.json'), { force: true });
  }
  await setUp({ postgres: !env.DATABASE_URL, redis: !env.REDIS_QUEUE_URL || !env.REDIS_CACHE_URL });
  const { start } = await import('../dist/src/cli/start.js');
  // Work that was given up half-way must not hold the exit.
  process.exit(await start(args, env));
});
