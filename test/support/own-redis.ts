import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { type Server, startRedis } from '../../src/embedded/redis.ts';

/** A Redis for queues that the test alone uses, and may ill-treat. Ends with the test. */
export const startOwnRedis = async () => {
  const dir = await mkdtemp(join(tmpdir(), 'zyra-redis-'));
  let server: Server = await startRedis({ dir, role: 'queue' });
  onTestFinished(async () => {
    await server.stop();
    await rm(dir, { recursive: true, force: true });
  });
  return {
    url: server.url,
    async kill(): Promise<void> {
      server.kill('SIGKILL');
      await server.exited;
    },
    /** Again on its data, where its clients look for it. */
    async restart(): Promise<void> {
      server = await startRedis({ dir, role: 'queue', port: server.port, exactPort: true });
    },
  };
};
