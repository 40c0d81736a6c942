import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import { s3Missing, startS3 } from '../../test/support/s3-server.ts';
import { projectRoot } from '../config.ts';
import { createLog } from '../log.ts';
import { ArtifactMissingError, type ArtifactStoreSettings, createArtifactStore } from './store.ts';

const log = createLog('test', 'silent');

const makeFolder = async () => {
  const folder = await mkdtemp(join(tmpdir(), 'zyra-artifacts-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
};

const kinds = {
  folder: async (): Promise<ArtifactStoreSettings> => ({
    ARTIFACTS_DIR: await makeFolder(),
    AWS_REGION: 'us-east-1',
  }),
  S3: async (): Promise<ArtifactStoreSettings> => ({
    ARTIFACTS_DIR: await makeFolder(),
    ...(await startS3()).settings,
  }),
};

/** A process that puts one version after another under a key, each 4 MB of one and the same byte, until it is killed. */
const startWriter = async (settings: ArtifactStoreSettings, key: string, first: number) => {
  const program = `
    import { createArtifactStore } from ${JSON.stringify(join(projectRoot, 'dist/src/artifacts/store.js'))};
    const store = createArtifactStore(${JSON.stringify(settings)}, { debug() {} });
    for (let version = ${first}; ; version = (version + 2) % 256) {
      await store.put(${JSON.stringify(key)}, { bytes: Buffer.alloc(4_000_000, version) });
      process.stdout.write('put\\n');
    }`;
  const args = ['--input-type=module', '-e', program];
  const writer = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(writer, 'exit');
  const kill = async () => {
    writer.kill('SIGKILL');
    await ended;
  };
  onTestFinished(kill);
  await Promise.race([
    once(writer.stdout, 'data'),
    ended.then(() => Promise.reject(new Error('the writer ended by itself'))),
  ]);
  writer.stdout.resume();
  return kill;
};

describe.each(Object.entries(kinds))('a store in a %s', (kind, makeSettings) => {
  const skip = kind === 'S3' && s3Missing !== undefined;
  const setup = async () => {
    const settings = await makeSettings();
    return { settings, dir: settings.ARTIFACTS_DIR, store: createArtifactStore(settings, log) };
  };

  test.skipIf(skip)(
    'gives back what was put, bytes or a finished file, also the largest and the empty one',
    async () => {
      const { store } = await setup();
      const draft = join(await store.draftFolder(), 'shard.faiss');
      const large = Buffer.alloc(20_000_001, 'x');
      await writeFile(draft, large);

      await store.put('index/m/7/shard-0-of-1.faiss', { file: draft });
      await store.put('index/m/7/manifest.json', { bytes: Buffer.from('{}') });
      await store.put('index/m/7/empty.npy', { bytes: new Uint8Array() });

      expect((await readFile(await store.file('index/m/7/shard-0-of-1.faiss'))).equals(large)).toBe(true);
      expect(await readFile(await store.file('index/m/7/manifest.json'), 'utf8')).toBe('{}');
      expect(await readFile(await store.file('index/m/7/empty.npy'), 'utf8')).toBe('');
    },
  );

  test.skipIf(skip)('lists by prefix, with sizes and times, and nothing that is no artifact', async () => {
    const { store, dir } = await setup();
    const began = Date.now() - 5_000;
    for (const key of ['index/a/1.npy', 'index/a/12.npy', 'index/b.npy', 'one.npy']) {
      await store.put(key, { bytes: Buffer.from(key) });
    }
    await store.draftFolder();
    await mkdir(join(dir, 'models/m'), { recursive: true });
    await writeFile(join(dir, 'models/m/model.onnx'), 'not of the store');
    await store.file('one.npy');

    const keys = async (prefix: string) => (await store.list(prefix)).map(({ key }) => key);
    expect(await keys('')).toEqual(['index/a/1.npy', 'index/a/12.npy', 'index/b.npy', 'one.npy']);
    expect(await keys('index/a/')).toEqual(['index/a/1.npy', 'index/a/12.npy']);
    expect(await keys('index/a/1')).toEqual(['index/a/1.npy', 'index/a/12.npy']);
    expect(await keys('index/a/12')).toEqual(['index/a/12.npy']);
    expect(await keys('nothing/')).toEqual([]);
    const [one] = await store.list('one');
    expect(one).toMatchObject({ key: 'one.npy', bytes: 7 });
    expect(one?.modifiedAt.getTime()).toBeGreaterThan(began);
  });

  test.skipIf(skip)('lists more than one page', async () => {
    const { store } = await setup();
    const keys = Array.from({ length: 1_003 }, (_, i) => `many/${String(i).padStart(4, '0')}`);
    for (let at = 0; at < keys.length; at += 50) {
      await Promise.all(keys.slice(at, at + 50).map((key) => store.put(key, { bytes: Buffer.from('x') })));
    }
    expect((await store.list('many/')).map(({ key }) => key)).toEqual(keys);
  });

  test.skipIf(skip)('removes, leaving no empty folder, and says what is missing', async () => {
    const { store, dir } = await setup();
    await store.put('index/a/b/c.npy', { bytes: Buffer.from('x') });
    await store.put('index/d.npy', { bytes: Buffer.from('x') });
    await store.file('index/a/b/c.npy');

    await store.remove('index/a/b/c.npy');
    await store.remove('index/a/b/c.npy');

    await expect(store.file('index/a/b/c.npy')).rejects.toThrow(ArtifactMissingError);
    await expect(store.file('index')).rejects.toThrow(ArtifactMissingError);
    expect((await store.list('')).map(({ key }) => key)).toEqual(['index/d.npy']);
    const names = await readdir(dir, { recursive: true });
    expect(names.filter((name) => /\ba\b/.test(name))).toEqual([]);
  });

  test.skipIf(skip)('refuses keys that lead out of the store or into its own folders', async () => {
    const { store } = await setup();
    const bad = [
      '',
      '..',
      '../x',
      'a/../../x',
      '/etc/passwd',
      'a//b',
      'a/./b',
      'a/',
      '.x',
      'a/.x',
      'a\\b',
      'a\0b',
    ];
    for (const key of [
      ...bad,
      'é',
      'a b',
      'x'.repeat(600),
      'drafts/x',
      'models/x',
      'fetched/x',
      'README.md',
    ]) {
      await expect(store.put(key, { bytes: Buffer.from('x') }), key).rejects.toThrow(RangeError);
      await expect(store.file(key), key).rejects.toThrow(RangeError);
      await expect(store.remove(key), key).rejects.toThrow(RangeError);
    }
    await expect(store.list('../')).rejects.toThrow(RangeError);
    expect(await store.list('')).toEqual([]);
  });

  test.skipIf(skip)('shows the newest version of a name that is written again', async () => {
    const { store, settings } = await setup();
    const reader = createArtifactStore({ ...settings }, log);
    for (const version of ['first', 'second', 'third']) {
      await store.put('product_embeddings.npy', { bytes: Buffer.from(version) });
      expect(await readFile(await reader.file('product_embeddings.npy'), 'utf8')).toBe(version);
    }
  });

  test.skipIf(skip)(
    'never shows half a version: two processes put the same key and are killed in the middle',
    async () => {
      const { store, settings, dir } = await setup();
      const key = 'product_embeddings.npy';
      let reads = 0;
      for (let round = 0; round < 4; round++) {
        const killers = await Promise.all([0, 1].map((first) => startWriter(settings, key, first)));
        const until = Date.now() + 200 + Math.random() * 300;
        const check = async () => {
          const bytes = await readFile(await store.file(key));
          expect(bytes.length).toBe(4_000_000);
          expect(bytes.equals(Buffer.alloc(4_000_000, bytes[0]))).toBe(true);
          reads += 1;
        };
        while (Date.now() < until) await check();
        await Promise.all(killers.map((kill) => kill()));
        await check();
      }
      expect(reads).toBeGreaterThan(8);
      expect((await store.list('')).map((artifact) => artifact.key)).toEqual([key]);

      // What the killed ones left is aside, and goes with time.
      const drafts = join(dir, 'drafts');
      const old = new Date(Date.now() - 2 * 3_600_000);
      for (const name of await readdir(drafts)) await utimes(join(drafts, name), old, old);
      await store.pruneLocal(() => true);
      expect(await readdir(drafts)).toEqual([]);
    },
  );

  test.skipIf(skip)('keeps drafts somebody still writes in', async () => {
    const { store } = await setup();
    const [busy, left] = [await store.draftFolder(), await store.draftFolder()];
    const old = new Date(Date.now() - 2 * 3_600_000);
    for (const folder of [busy, left]) {
      await writeFile(join(folder, 'shard.faiss'), 'x');
      await utimes(folder, old, old);
    }
    await utimes(join(left, 'shard.faiss'), old, old);

    await store.pruneLocal(() => false);

    expect(await readdir(busy)).toEqual(['shard.faiss']);
    await expect(readdir(left)).rejects.toThrow('ENOENT');
  });

  test.skipIf(skip)('puts and lists while others remove: a folder may go at any moment', async () => {
    const { store } = await setup();
    await store.put('z/stays', { bytes: Buffer.from('x') });
    await Promise.all(
      Array.from({ length: 100 }, async (_, i) => {
        const key = `a/${i % 10}/${i}`;
        await store.put(key, { bytes: Buffer.from(String(i)) });
        expect(await readFile(await store.file(key), 'utf8')).toBe(String(i));
        await pause(Math.random() * 5);
        await store.remove(key);
        expect((await store.list('')).map((artifact) => artifact.key)).toContain('z/stays');
      }),
    );
    expect((await store.list('')).map((artifact) => artifact.key)).toEqual(['z/stays']);
  });
});
