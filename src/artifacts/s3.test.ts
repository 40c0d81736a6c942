import { mkdtemp, readdir, readFile, rm, utimes } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { s3Missing, startS3 } from '../../test/support/s3-server.ts';
import { ConfigError } from '../config.ts';
import { OutageError } from '../errors.ts';
import { createLog } from '../log.ts';
import { createArtifactStore } from './store.ts';

const log = createLog('test', 'silent');

const makeFolder = async () => {
  const folder = await mkdtemp(join(tmpdir(), 'zyra-artifacts-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
};

const setup = async () => {
  const server = await startS3();
  const settings = { ARTIFACTS_DIR: await makeFolder(), ...server.settings };
  return { server, settings, dir: settings.ARTIFACTS_DIR, store: createArtifactStore(settings, log) };
};

const wire = { connections: 0, bytesAllowed: Number.POSITIVE_INFINITY };

/** Stands before the server, counts connections, and cuts each after so many bytes of the answer. */
const startCutter = async (port: number) => {
  const counted = { ...wire };
  const sockets = new Set<Socket>();
  const proxy = createServer((near) => {
    counted.connections += 1;
    const far = connect(port, '127.0.0.1');
    let left = counted.bytesAllowed;
    for (const socket of [near, far]) sockets.add(socket.on('error', () => {}));
    near.pipe(far);
    far.on('data', (bytes) => {
      near.write(bytes.subarray(0, Math.min(left, bytes.length)));
      left -= bytes.length;
      if (left <= 0) near.end(() => far.destroy());
    });
    far.on('end', () => near.end());
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    proxy.close();
  });
  return { counted, url: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}` };
};

/** Says what S3 says to a request that was signed for another region; the server of these tests takes any. */
const startElsewhere = async () => {
  const server = createHttpServer((request, response) => {
    request.resume().on('end', () => {
      response.writeHead(400, { 'content-type': 'application/xml' });
      response.end(
        "<Error><Code>AuthorizationHeaderMalformed</Code><Message>the region 'us-east-1' is wrong; expecting 'eu-north-1'</Message><Region>eu-north-1</Region></Error>",
      );
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
};

describe.skipIf(s3Missing !== undefined)('object storage', () => {
  test('says in time that the server is away, and works again when it is back', async () => {
    const { server, store } = await setup();
    await store.put('index/a.npy', { bytes: Buffer.from('a') });
    await store.put('index/b.npy', { bytes: Buffer.from('b') });
    await store.file('index/a.npy');

    await server.kill();
    const began = Date.now();
    await expect(store.put('index/c.npy', { bytes: Buffer.from('c') })).rejects.toThrow(OutageError);
    await expect(store.list('index/')).rejects.toThrow(OutageError);
    await expect(store.file('index/b.npy')).rejects.toThrow(OutageError);
    await expect(store.remove('index/b.npy')).rejects.toThrow(OutageError);
    expect(Date.now() - began).toBeLessThan(10_000);
    // What was fetched before serves on.
    expect(await readFile(await store.file('index/a.npy'), 'utf8')).toBe('a');

    await server.restart();
    await store.put('index/c.npy', { bytes: Buffer.from('c') });
    expect(await readFile(await store.file('index/b.npy'), 'utf8')).toBe('b');
    expect((await store.list('index/')).map(({ key }) => key)).toEqual([
      'index/a.npy',
      'index/b.npy',
      'index/c.npy',
    ]);
  });

  test('gives up on a server that takes connections and says nothing', async () => {
    const { server, store } = await setup();
    await store.put('index/a.npy', { bytes: Buffer.from('a') });
    server.freeze();
    onTestFinished(server.resume);
    const began = Date.now();
    await Promise.all([
      expect(store.list('index/')).rejects.toThrow(OutageError),
      expect(store.file('index/a.npy')).rejects.toThrow(OutageError),
      expect(store.put('index/b.npy', { bytes: Buffer.from('b') })).rejects.toThrow(OutageError),
    ]);
    expect(Date.now() - began).toBeLessThan(15_000);
    server.resume();
    expect(await readFile(await store.file('index/a.npy'), 'utf8')).toBe('a');
  });

  test('names the setting that is wrong, and no secret', async () => {
    const { settings } = await setup();
    const refusal = async (wrong: Partial<typeof settings>) => {
      const store = createArtifactStore({ ...settings, ...wrong }, log);
      const error = await store.put('a.npy', { bytes: Buffer.from('a') }).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(ConfigError);
      const { message } = error as Error;
      expect(message).not.toContain(settings.AWS_SECRET_ACCESS_KEY);
      return message;
    };
    expect(await refusal({ AWS_SECRET_ACCESS_KEY: 'x'.repeat(40) })).toContain('AWS_SECRET_ACCESS_KEY');
    expect(await refusal({ AWS_ACCESS_KEY_ID: 'nobody' })).toContain('AWS_ACCESS_KEY_ID');
    expect(await refusal({ ARTIFACTS_URL: 's3://no-such-bucket/x' })).toContain('ARTIFACTS_URL');
    expect(await refusal({ S3_ENDPOINT: await startElsewhere() })).toContain('AWS_REGION');
    expect(() =>
      createArtifactStore({ ...settings, ARTIFACTS_URL: 's3://artifacts/models/x' }, log),
    ).not.toThrow();
    expect(() => createArtifactStore({ ...settings, ARTIFACTS_URL: 's3://artifacts/a%20b' }, log)).toThrow(
      ConfigError,
    );
  });

  test('never shows a download that was cut', async () => {
    const { server, settings, dir, store } = await setup();
    const whole = Buffer.alloc(3_000_000, 'w');
    await store.put('index/a.npy', { bytes: whole });
    const cutter = await startCutter(server.port);
    const behind = createArtifactStore({ ...settings, S3_ENDPOINT: cutter.url }, log);

    for (const bytes of [50, 700, 100_000, 2_999_999]) {
      cutter.counted.bytesAllowed = bytes;
      await expect(behind.file('index/a.npy'), `${bytes} bytes`).rejects.toThrow(OutageError);
      const names = await readdir(dir, { recursive: true });
      expect(names.filter((name) => !['drafts', 'fetched'].includes(name))).toEqual([]);
    }
    cutter.counted.bytesAllowed = Number.POSITIVE_INFINITY;
    expect((await readFile(await behind.file('index/a.npy'))).equals(whole)).toBe(true);
  });

  test('fetches once, however many ask at the same time, and again only what was pruned', async () => {
    const { server, settings, dir, store } = await setup();
    for (const key of ['index/old.npy', 'index/new.npy']) await store.put(key, { bytes: Buffer.from(key) });
    const cutter = await startCutter(server.port);
    const reader = createArtifactStore({ ...settings, S3_ENDPOINT: cutter.url }, log);

    const paths = await Promise.all(Array.from({ length: 20 }, () => reader.file('index/old.npy')));
    expect(new Set(paths)).toEqual(new Set([join(dir, 'fetched/index/old.npy')]));
    expect(cutter.counted.connections).toBe(1);
    await reader.file('index/new.npy');

    await reader.pruneLocal(() => false);
    expect(await readdir(join(dir, 'fetched/index'))).toEqual(['new.npy', 'old.npy']);
    const old = new Date(Date.now() - 2 * 3_600_000);
    for (const name of ['old.npy', 'new.npy']) await utimes(join(dir, 'fetched/index', name), old, old);
    await reader.pruneLocal((key) => key === 'index/new.npy');
    expect(await readdir(join(dir, 'fetched/index'))).toEqual(['new.npy']);
    // A copy went, not the artifact.
    expect(await readFile(await reader.file('index/old.npy'), 'utf8')).toBe('index/old.npy');
  });
});
