// How much of onnxruntime's speed is left for those who embed: `node dist/bench/embedding.js [--texts 192] [--rounds 5]`.
// Ours includes the thread, the tokenizer, and pooling; the bare session gets the same batches ready-made.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { generateShop } from '../src/demo/shop.ts';
import { hashedNgrams } from '../src/embeddings/hashed-ngrams.ts';
import { createMiniLm } from '../src/embeddings/minilm.ts';
import { type Batch, inputsOf, loadMiniLm } from '../src/embeddings/minilm-model.ts';
import { findModelFault, modelFolder } from '../src/embeddings/model-files.ts';

const { values: options } = parseArgs({
  options: {
    artifacts: { type: 'string', default: 'artifacts' },
    texts: { type: 'string', default: '192' },
    rounds: { type: 'string', default: '5' },
    json: { type: 'string' },
  },
});

const folder = modelFolder({ ARTIFACTS_DIR: options.artifacts });
const fault = await findModelFault(folder);
if (fault !== undefined) throw new Error(`${fault}; \`npx zyra model fetch\` gets the model`);

const { products } = generateShop({ seed: 1, now: new Date('2026-01-01') });
const manyTexts = products.map(
  ({ name, short_description, long_description }) => `${name}. ${short_description} ${long_description}`,
);
const texts = manyTexts.slice(0, Number(options.texts));

const session = await InferenceSession.create(join(folder, 'onnx/model_quantized.onnx'));
const batches = [...(await loadMiniLm(folder)).batches(texts)];
const runBare = async (batch: Batch) => {
  const { dims, ids, mask, types } = inputsOf(batch);
  await session.run({
    input_ids: new Tensor('int64', ids, dims),
    attention_mask: new Tensor('int64', mask, dims),
    token_type_ids: new Tensor('int64', types, dims),
  });
};

const perSecond = async (work: () => Promise<unknown>): Promise<number> => {
  const began = performance.now();
  await work();
  return (texts.length / (performance.now() - began)) * 1000;
};
const ours = createMiniLm(folder);
const embedOurs = () => ours.embed(texts);
const embedBare = async () => {
  for (const batch of batches) await runBare(batch);
};

await ours.embed(texts.slice(0, 16));
await runBare(batches[0] as Batch);
const rounds = [];
for (let round = 0; round < Number(options.rounds); round += 1) {
  // Whoever goes first changes, so that neither has the machine's good moments to itself.
  const first = await perSecond(round % 2 ? embedOurs : embedBare);
  const second = await perSecond(round % 2 ? embedBare : embedOurs);
  const [bare, own] = round % 2 ? [second, first] : [first, second];
  rounds.push({ bare, own, ratio: own / bare });
}
await ours.close();

const middle = (numbers: number[]): number =>
  [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] as number;
const ratios = rounds.map(({ ratio }) => ratio);
const round2 = (value: number) => Math.round(value * 100) / 100;
const result = {
  texts: texts.length,
  tokens_per_text: Math.round(
    batches.flatMap(({ tokens }) => tokens).reduce((sum, row) => sum + row.length, 0) / texts.length,
  ),
  batches: batches.length,
  own_per_second: round2(middle(rounds.map(({ own }) => own))),
  bare_per_second: round2(middle(rounds.map(({ bare }) => bare))),
  ratio: round2(middle(ratios)),
  ratio_spread: [round2(Math.min(...ratios)), round2(Math.max(...ratios))],
  fallback_per_second: Math.round(
    await perSecond(() => hashedNgrams.embed(manyTexts)).then(
      (rate) => (rate * manyTexts.length) / texts.length,
    ),
  ),
  rss_mb: Math.round(process.memoryUsage().rss / 1e6),
};
console.log(JSON.stringify(result, null, 2));
if (options.json) await writeFile(options.json, `${JSON.stringify(result, null, 2)}\n`);
