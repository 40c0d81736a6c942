import { basename, dirname } from 'node:path';
import { AutoModel, AutoTokenizer, env, mean_pooling, Tensor } from '@huggingface/transformers';

export const miniLmDim = 384;

// What the model was published with (sentence-transformers' max_seq_length). BERT itself would take 512, which this
// model has never been trained on, at more than twice the time.
const maxTokens = 256;

// Tokens of a batch, padding included. More makes nothing faster on a CPU, yet makes queries wait and takes memory: 32
// texts of 512 tokens took 5 GB.
const batchTokens = 1024;

// Tokenising is part of the work, so it is done slice by slice too; a slice is what is sorted by length.
const sliceTexts = 64;

// Beyond this a text is cut before it is tokenised: a megabyte of one would hold up everybody.
const maxCharacters = 10_000;

/** Texts of about the same length, as the model takes them. `rows` says which of the call's texts they are. */
export interface Batch {
  rows: number[];
  tokens: number[][];
}

export interface MiniLm {
  /** The call's texts in batches by length, made as they are asked for. */
  batches(texts: readonly string[]): Generator<Batch>;
  /** One L2-normalised vector per text of the batch. */
  run(batch: Batch): Promise<Float32Array>;
}

/** One tensor row per text, padded to the longest. */
export const inputsOf = ({ tokens }: Batch) => {
  const width = Math.max(...tokens.map((row) => row.length));
  const dims = [tokens.length, width] as const;
  const ids = new BigInt64Array(tokens.length * width);
  const mask = new BigInt64Array(tokens.length * width);
  for (const [index, row] of tokens.entries()) {
    for (const [position, token] of row.entries()) {
      ids[index * width + position] = BigInt(token);
      mask[index * width + position] = 1n;
    }
  }
  return { dims, ids, mask, types: new BigInt64Array(tokens.length * width) };
};

/**
 * Load all-MiniLM-L6-v2 (8 bit) from a folder, for this thread: running it blocks.
 * @throws when a file is missing or damaged. Nothing is ever looked for on the network.
 */
export const loadMiniLm = async (folder: string): Promise<MiniLm> => {
  env.allowRemoteModels = false;
  env.localModelPath = dirname(folder);
  const name = basename(folder);
  const tokenizer = await AutoTokenizer.from_pretrained(name);
  const model = await AutoModel.from_pretrained(name, { dtype: 'q8' });

  const tokensOf = (text: string): number[] => {
    const tokens = tokenizer(text.slice(0, maxCharacters).toWellFormed(), { return_tensor: false })
      .input_ids as number[];
    // Not by the tokenizer's own option: that cuts off the mark at the end, too, without which the model was not trained.
    if (tokens.length > maxTokens) tokens.splice(maxTokens - 1, tokens.length - maxTokens);
    return tokens;
  };

  return {
    *batches(texts) {
      const byLength = texts.map((_, row) => row).sort((a, b) => lengthOf(texts, a) - lengthOf(texts, b));
      for (let start = 0; start < byLength.length; start += sliceTexts) {
        const slice = byLength.slice(start, start + sliceTexts).map((row) => ({
          row,
          tokens: tokensOf(texts[row] ?? ''),
        }));
        slice.sort((a, b) => a.tokens.length - b.tokens.length);
        let batch: Batch = { rows: [], tokens: [] };
        for (const { row, tokens } of slice) {
          // The last one is the longest, so its length is the batch's width.
          if (batch.rows.length > 0 && (batch.rows.length + 1) * tokens.length > batchTokens) {
            yield batch;
            batch = { rows: [], tokens: [] };
          }
          batch.rows.push(row);
          batch.tokens.push(tokens);
        }
        yield batch;
      }
    },
    async run(batch) {
      const { dims, ids, mask, types } = inputsOf(batch);
      const attention = new Tensor('int64', mask, [...dims]);
      const { last_hidden_state: hidden } = await model({
        input_ids: new Tensor('int64', ids, [...dims]),
        attention_mask: attention,
        token_type_ids: new Tensor('int64', types, [...dims]),
      });
      return mean_pooling(hidden, attention).normalize(2, -1).data as Float32Array;
    },
  };
};

const lengthOf = (texts: readonly string[], row: number): number => texts[row]?.length ?? 0;
