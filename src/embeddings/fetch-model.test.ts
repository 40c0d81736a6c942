import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, inject, onTestFinished, test } from 'vitest';
import { fetchModel, ModelUnavailableError } from './fetch-model.ts';
import { findModelFault } from './model-files.ts';

const model = inject('modelFolder');
const prefix = '/mirror/Xenova/all-MiniLM-L6-v2/resolve/main/';

const hub = async (answer: RequestListener): Promise<string> => {
  const server = createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(async () => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/mirror`;
};

const fetchFrom = async (hubUrl: string) => {
  const models = await mkdtemp(join(tmpdir(), 'zyra-models-'));
  onTestFinished(() => rm(models, { recursive: true, force: true }));
  const folder = join(models, 'the-model');
  const progress: string[] = [];
  const said: string[] = [];
  const result = fetchModel({
    folder,
    hubUrl,
    wheels: false,
    say: (line) => said.push(line),
    onProgress: (file, done, total) => progress.push(`${file} ${done} of ${total}`),
  });
  return { models, folder, progress, said, result };
};

test.skipIf(model === '')('fetches from a mirror of the hub, with progress, once', async () => {
  const hubUrl = await hub(async (request, response) => {
    const file = join(model, (request.url ?? '').slice(prefix.length));
    response.setHeader('content-length', (await stat(file)).size);
    createReadStream(file).pipe(response);
  });
  const { folder, progress, models, result } = await fetchFrom(hubUrl);
  expect(await result).toBe('the model hub');
  expect(await findModelFault(folder)).toBeUndefined();
  expect(await readdir(models)).toEqual(['the-model']);
  expect(progress.at(-1)).toBe('model_quantized.onnx 22928619 of 22928619');
  expect(await fetchModel({ folder, wheels: false, say: () => {} })).toBeUndefined();
});

test('refuses files with another content, and leaves nothing of them', async () => {
  const hubUrl = await hub((_request, response) => void response.end('not a tokenizer'));
  const { models, said, result } = await fetchFrom(hubUrl);
  await expect(result).rejects.toThrow(ModelUnavailableError);
  expect(said.join()).toContain('its tokenizer.json is not the one that is expected');
  expect(await readdir(models)).toEqual([]);
});

test('says what to do when the hub answers with an error', async () => {
  const hubUrl = await hub((_request, response) => void response.writeHead(503).end());
  const { result } = await fetchFrom(hubUrl);
  await expect(result).rejects.toThrow(/it answered 503[\s\S]*zyra model fetch[\s\S]*MODEL_HUB_URL/);
});

test('does not wait longer than seconds for a hub that does not answer', async () => {
  const hubUrl = await hub(() => {});
  const began = Date.now();
  const { result } = await fetchFrom(hubUrl);
  await expect(result).rejects.toThrow(/no answer within 5 s/);
  expect(Date.now() - began).toBeLessThan(15_000);
});
