import { cp, mkdir, mkdtemp, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, inject, onTestFinished, test, vi } from 'vitest';
import { RetryableError } from '../errors.ts';
import { createLog } from '../log.ts';
import { createEmbedders } from './embedders.ts';
import { modelName } from './model-files.ts';

const model = inject('modelFolder');

const emptyFolder = async (): Promise<string> => {
  const folder = await mkdtemp(join(tmpdir(), 'zyra-embedders-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
};

const open = (ARTIFACTS_DIR: string, EMBEDDER: 'auto' | 'fallback' = 'auto') => {
  const onFallback = vi.fn<(why: string) => void>();
  const embedders = createEmbedders({ ARTIFACTS_DIR, EMBEDDER }, createLog('test', 'silent'), onFallback, {
    lookAgainMs: 0,
  });
  onTestFinished(() => embedders.close());
  return { embedders, onFallback };
};

test('without the model, texts are compared by spelling, and that is told once', async () => {
  const { embedders, onFallback } = open(await emptyFolder());
  expect((await embedders.best()).model).toBe('hashed-ngrams-v1');
  expect((await embedders.best()).model).toBe('hashed-ngrams-v1');
  expect(onFallback).toHaveBeenCalledExactlyOnceWith(expect.stringContaining('config.json is missing'));
  await expect(embedders.named('all-MiniLM-L6-v2-q8')).rejects.toThrow(RetryableError);
  await expect(embedders.named('of-another-age')).rejects.toThrow(RetryableError);
});

test.skipIf(model === '')('the model is used as soon as it is there', async () => {
  const artifacts = await emptyFolder();
  const { embedders } = open(artifacts);
  expect((await embedders.best()).model).toBe('hashed-ngrams-v1');
  await mkdir(join(artifacts, 'models'));
  await symlink(model, join(artifacts, 'models', modelName));
  expect((await embedders.best()).model).toBe('all-MiniLM-L6-v2-q8');
  expect((await embedders.named('hashed-ngrams-v1')).model).toBe('hashed-ngrams-v1');
  expect(await (await embedders.named('all-MiniLM-L6-v2-q8')).embed(['cable'])).toHaveLength(384);
});

test.skipIf(model === '')('a model that is cut short or another one is not taken for it', async () => {
  const artifacts = await emptyFolder();
  const folder = join(artifacts, 'models', modelName);
  await cp(model, folder, { recursive: true });
  await truncate(join(folder, 'onnx/model_quantized.onnx'), 20_000_000);
  const { embedders, onFallback } = open(artifacts);
  expect((await embedders.best()).model).toBe('hashed-ngrams-v1');
  expect(onFallback).toHaveBeenCalledWith(expect.stringContaining('is not that of'));
  await cp(join(model, 'onnx'), join(folder, 'onnx'), { recursive: true });
  await writeFile(join(folder, 'tokenizer.json'), '{}');
  expect((await embedders.best()).model).toBe('hashed-ngrams-v1');
});

test.skipIf(model === '')('EMBEDDER=fallback never takes the model', async () => {
  const artifacts = await emptyFolder();
  await mkdir(join(artifacts, 'models'));
  await symlink(model, join(artifacts, 'models', modelName));
  const { embedders, onFallback } = open(artifacts, 'fallback');
  expect((await embedders.best()).model).toBe('hashed-ngrams-v1');
  expect(onFallback).not.toHaveBeenCalled();
  await expect(embedders.named('all-MiniLM-L6-v2-q8')).rejects.toThrow(RetryableError);
});
