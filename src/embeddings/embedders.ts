import { RetryableError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Embedders } from './embedder.ts';
import { hashedNgrams } from './hashed-ngrams.ts';
import { createMiniLm, type MiniLmEmbedder, miniLmName } from './minilm.ts';
import { findModelFault, modelFolder } from './model-files.ts';

export interface EmbedderSettings {
  EMBEDDER: 'auto' | 'fallback';
  EMBEDDING_MODEL_PATH?: string | undefined;
  ARTIFACTS_DIR: string;
}

// Looking reads the 23 MB of the model, so not with every call.
const lookEveryMs = 60_000;

/** `onFallback` is called once when the model cannot be had; it tells operators. */
export const createEmbedders = (
  settings: EmbedderSettings,
  log: Log,
  onFallback: (why: string) => void,
  { lookAgainMs = lookEveryMs } = {},
): Embedders => {
  const folder = modelFolder(settings);
  let miniLm: MiniLmEmbedder | undefined;
  let looking: Promise<void> | undefined;
  let lookAfter = 0;
  let told = false;
  let closed = false;

  /** The model is had when it has answered: what lies there may not run on this machine. */
  const load = async (): Promise<string | undefined> => {
    const fault = await findModelFault(folder);
    if (fault !== undefined) return fault;
    const loaded = createMiniLm(folder);
    try {
      await loaded.embed(['']);
    } catch (error) {
      await loaded.close();
      return `it does not run: ${error instanceof Error ? String(error.cause ?? error.message) : error}`;
    }
    if (closed) await loaded.close();
    else miniLm = loaded;
  };

  const look = async (): Promise<void> => {
    const fault = await load();
    lookAfter = Date.now() + lookAgainMs;
    if (fault === undefined) {
      if (told) log.info({ model: miniLmName }, 'the language model is there now');
    } else if (!told) {
      told = true;
      log.warn(
        { model: hashedNgrams.model, why: fault },
        'no language model; texts are compared by their spelling. `npx zyra model fetch` gets it',
      );
      onFallback(fault);
    }
  };

  /** The model, as far as the last look knows; looks when it is time to. */
  const findMiniLm = async (): Promise<MiniLmEmbedder | undefined> => {
    if (settings.EMBEDDER === 'fallback' || closed) return undefined;
    if (!miniLm && Date.now() >= lookAfter) {
      looking ??= look().finally(() => {
        looking = undefined;
      });
    }
    await looking;
    return miniLm;
  };

  return {
    best: async () => (await findMiniLm()) ?? hashedNgrams,
    async named(model) {
      if (model === hashedNgrams.model) return hashedNgrams;
      const found = model === miniLmName ? await findMiniLm() : undefined;
      if (!found) throw new RetryableError(`the embedding model ${model} is not on this machine`);
      return found;
    },
    async close() {
      closed = true;
      await looking;
      await miniLm?.close();
    },
  };
};
