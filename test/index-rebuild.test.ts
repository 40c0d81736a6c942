import { readFile, writeFile } from 'node:fs/promises';
import { v7 as uuidv7 } from 'uuid';
import { expect, test } from 'vitest';
import { runRebuild } from '../jobs/run-rebuild.ts';
import { insertRebuild } from '../src/db/rebuilds.ts';
import { RetryableError } from '../src/errors.ts';
import { followIndex } from '../src/serving/follow-index.ts';
import { handleRunRebuild } from '../workers/run-rebuild.ts';
import { drain } from './support/drain.ts';
import { eventually } from './support/eventually.ts';
import {
  build,
  embed,
  expectMetaTrue,
  publish,
  putProducts,
  search,
  servingOf,
} from './support/index-steps.ts';
import { performJob } from './support/perform-job.ts';
import { setup } from './support/setup.ts';

test('a rebuild goes on where its job was stopped, and a second one waits for it', async () => {
  const system = await setup();
  const { parts, db } = system;
  await putProducts(parts, 150);
  await embed(parts);
  await publish(parts);
  const [before] = await db<{ version: number }>`select last_value as version from vector_version`;
  const { url, keys } = await system.startApi();
  const call = (path: string, body?: unknown) =>
    fetch(`${url}/v1/admin/rebuild${path}`, {
      method: body ? 'POST' : 'GET',
      headers: { authorization: `Bearer ${keys.admin}`, 'content-type': 'application/json' },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
  expect((await call(`/${uuidv7()}`)).status).toBe(404);
  expect((await call('', { targets: ['everything'] })).status).toBe(400);
  const asked = await call('', { targets: ['embeddings', 'index'] });
  expect(asked.status).toBe(202);
  const { rebuild_id } = (await asked.json()) as { rebuild_id: string };
  const second = (await (await call('', { targets: ['index'] })).json()) as { rebuild_id: string };

  const stopping = new AbortController();
  stopping.abort();
  const run = performJob(runRebuild, handleRunRebuild, {}, parts, { signal: stopping.signal });
  await expect(run).rejects.toThrow(RetryableError);
  const half = await (await call(`/${rebuild_id}`)).json();
  expect(half).toMatchObject({
    state: 'running',
    targets: [{ state: 'running', done: 64 }, { state: 'waiting' }],
  });
  expect(await (await call(`/${second.rebuild_id}`)).json()).toMatchObject({ state: 'running' });
  await db`update rebuilds set claimed_until = now() - interval '1 second'`;

  system.startWorkers();
  await eventually(async () => {
    for (const id of [rebuild_id, second.rebuild_id]) {
      expect(await (await call(`/${id}`)).json()).toMatchObject({ state: 'done' });
    }
  }, 30_000);
  expect(await (await call(`/${rebuild_id}`)).json()).toEqual({
    state: 'done',
    reason: null,
    targets: [
      { name: 'embeddings', state: 'done', done: 150, total: 150 },
      { name: 'index', state: 'done', done: 1, total: 1 },
    ],
  });
  await drain(system);
  const [after] = await db<{ version: number }>`select last_value as version from vector_version`;
  expect((after?.version ?? 0) - (before?.version ?? 0)).toBe(150);
  await expectMetaTrue(parts);
});

test('a rebuild that cannot be done says why', async () => {
  const { parts, db } = await setup();
  await putProducts(parts, 3);
  const id = uuidv7();
  await insertRebuild(db, id, ['embeddings', 'index']);
  const broken = {
    ...parts,
    embedders: { ...parts.embedders, best: () => Promise.reject(new Error('out of tokens')) },
  };
  await performJob(runRebuild, handleRunRebuild, {}, broken);
  expect(await db`select state, reason from rebuilds`).toEqual([
    { state: 'failed', reason: 'out of tokens' },
  ]);
  expect(await db`select state from rebuild_targets order by place`).toEqual([
    { state: 'failed' },
    { state: 'waiting' },
  ]);
});

test('a follower serves each generation, refuses a corrupt one, tells it once and gets it repaired', async () => {
  const system = await setup();
  const { parts, db } = system;
  await putProducts(parts, 12);
  await embed(parts);
  await build(parts);
  await publish(parts);
  const follower = followIndex(parts);
  await follower.ready;
  expect(parts.vectors.manifest?.generation).toBe(1);

  await putProducts(parts, 1, { name: 'brass compass' });
  await embed(parts);
  await build(parts);
  await publish(parts);
  const { manifest } = await servingOf(parts);
  const key = manifest.shards[0]?.npy.key as string;
  const path = await parts.artifacts.file(key);
  const bytes = await readFile(path);
  bytes[bytes.length - 3] = (bytes[bytes.length - 3] ?? 0) ^ 1;
  await writeFile(path, bytes);
  follower.poke();
  const complaints = () => db`select payload ->> 'key' as key from system_audit where component = 'index'`;
  await eventually(async () => expect(await complaints()).toEqual([{ key }]));
  expect(parts.vectors.manifest?.generation).toBe(1);

  system.startWorkers();
  await eventually(() => {
    follower.poke();
    expect(parts.vectors.manifest?.generation).toBeGreaterThan(2);
  });
  expect(await complaints()).toHaveLength(1);
  expect(await search(parts, 'brass compass')).toEqual(['brass compass']);
  await follower.stop();
});
