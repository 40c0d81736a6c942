import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { access } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { projectRoot } from '../config.ts';

/** The folder the model has below `models`, and its name at the hub without the owner. */
export const modelName = 'all-MiniLM-L6-v2';

/**
 * What is fetched, and the only content accepted: vectors carry the model's name, so other weights under it would mix two
 * models in one index.
 */
export const pinnedFiles = {
  'tokenizer.json': 'be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037',
  'onnx/model_quantized.onnx': '8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6',
} as const;

/** What transformers.js wants to know beside them. Short, and without effect on other models, so it is written, not fetched. */
export const writtenFiles = {
  'config.json': {
    architectures: ['BertModel'],
    model_type: 'bert',
    hidden_act: 'gelu',
    hidden_size: 384,
    intermediate_size: 1536,
    layer_norm_eps: 1e-12,
    max_position_embeddings: 512,
    num_attention_heads: 12,
    num_hidden_layers: 6,
    pad_token_id: 0,
    type_vocab_size: 2,
    vocab_size: 30522,
  },
  'tokenizer_config.json': {
    tokenizer_class: 'BertTokenizer',
    do_lower_case: true,
    model_max_length: 512,
    unk_token: '[UNK]',
    sep_token: '[SEP]',
    pad_token: '[PAD]',
    cls_token: '[CLS]',
    mask_token: '[MASK]',
  },
} as const;

/** Where the model is looked for and fetched to. */
export const modelFolder = (settings: {
  EMBEDDING_MODEL_PATH?: string | undefined;
  ARTIFACTS_DIR: string;
}): string =>
  resolve(projectRoot, settings.EMBEDDING_MODEL_PATH ?? join(settings.ARTIFACTS_DIR, 'models', modelName));

export const sha256Of = async (file: string): Promise<string> => {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
};

/** Why the folder does not hold the model, in words; undefined when it does. Reads every file. */
export const findModelFault = async (folder: string): Promise<string | undefined> => {
  for (const file of Object.keys(writtenFiles)) {
    const there = await access(join(folder, file)).then(
      () => true,
      () => false,
    );
    if (!there) return `${file} is missing in ${folder}`;
  }
  for (const [file, sha256] of Object.entries(pinnedFiles)) {
    const found = await sha256Of(join(folder, file)).catch(() => undefined);
    if (found === undefined) return `${file} is missing in ${folder}`;
    if (found !== sha256) return `${basename(file)} in ${folder} is not that of ${modelName}`;
  }
};
