import { execFileSync } from 'node:child_process';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { projectRoot } from '../../src/config.ts';
import { startPostgres } from '../../src/embedded/postgres.ts';
import { type Server, startRedis } from '../../src/embedded/redis.ts';
import { adminQuery } from './database.ts';
import { copyCluster, makeTemplateCluster } from './template-cluster.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    postgresUrl: string;
    redisQueueUrl: string;
    redisCacheUrl: string;
  }
}

/** Whole-system tests run the processes as they are deployed: compiled. */
const build = () =>
  execFileSync(
    process.execPath,
    [join(projectRoot, 'node_modules/typescript/bin/tsc'), '-p', 'tsconfig.build.json'],
    {
      cwd: projectRoot,
      stdio: 'inherit',
    },
  );

/** Real servers for the whole run, with the durability of production but for PostgreSQL's fsync, in a folder of their own. */
export default async (project: TestProject): Promise<() => Promise<void>> => {
  if (!process.env.SKIP_BUILD) build();
  const dir = await mkdtemp(join(tmpdir(), 'zyra-test-'));
  // As root, PostgreSQL runs as somebody who has to get in here.
  await chmod(dir, 0o711);
  const servers: Server[] = [];
  const stop = async () => {
    await Promise.all(servers.map((server) => server.stop()));
    await rm(dir, { recursive: true, force: true });
  };
  const start = async (starting: Promise<Server>): Promise<Server> => {
    const server = await starting;
    servers.push(server);
    return server;
  };
  try {
    await makeTemplateCluster(join(dir, 'template'));
    await copyCluster(join(dir, 'postgres'));
    const [postgres, queue, cache] = await Promise.all([
      start(startPostgres({ dir: join(dir, 'postgres'), tune: { fsync: 'off', max_connections: '300' } })),
      start(startRedis({ dir: join(dir, 'queue'), role: 'queue' })),
      start(startRedis({ dir: join(dir, 'cache'), role: 'cache' })),
    ]);
    await adminQuery(postgres.url, 'create database zyra_template template zyra');
    project.provide('postgresUrl', postgres.url);
    project.provide('redisQueueUrl', queue.url);
    project.provide('redisCacheUrl', cache.url);
  } catch (error) {
    await stop();
    throw error;
  }
  return stop;
};
