import { join } from 'node:path';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { projectRoot } from '../../src/config.ts';
import { generateShop } from '../../src/demo/shop.ts';
import { fetchModel } from '../../src/embeddings/fetch-model.ts';
import { hashedNgrams } from '../../src/embeddings/hashed-ngrams.ts';
import { createMiniLm } from '../../src/embeddings/minilm.ts';
import { type Batch, inputsOf, loadMiniLm } from '../../src/embeddings/minilm-model.ts';
import { findModelFault, modelFolder } from '../../src/embeddings/model-files.ts';
import { defineScenario } from '../scenario.ts';
import { takeTurns } from '../support/turns.ts';

/**
 * How much of onnxruntime's speed is left for those who embed: ours has the thread, the tokenizer and pooling in it, the
 * bare session gets the same batches ready-made. The model is fetched where it is not there yet; `--set model=FOLDER` for
 * files that are elsewhere.
 */
export const embedding = defineScenario({
  figures: [
    {
      name: 'embedding-vs-onnxruntime',
      unit: 'texts/s',
      what: 'product texts made vectors, to onnxruntime alone with the same batches ready-made',
      against: 'limit',
      aim: { of: 'ratio', want: '>=', value: 0.9 },
    },
  ],
  async run(stage) {
    const given = stage.given('model');
    const folder = given ?? modelFolder({ ARTIFACTS_DIR: join(projectRoot, 'artifacts') });
    if (given === undefined) await fetchModel({ folder, say: stage.say });
    const fault = await findModelFault(folder);
    if (fault !== undefined) throw new Error(fault);
    const { products } = generateShop({ seed: 1, now: new Date('2026-01-01') });
    const manyTexts = products.map(
      ({ name, short_description, long_description }) => `${name}. ${short_description} ${long_description}`,
    );
    const texts = manyTexts.slice(0, stage.size('texts', { s: 192, l: 384 }));
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
    const perSecond = async (count: number, work: () => Promise<unknown>): Promise<number> => {
      const began = performance.now();
      await work();
      return (count / (performance.now() - began)) * 1_000;
    };
    const embedder = createMiniLm(folder);
    try {
      await embedder.embed(texts.slice(0, 16));
      await runBare(batches[0] as Batch);
      const found = await takeTurns(stage.rounds, {
        ours: () => perSecond(texts.length, () => embedder.embed(texts)),
        limit: () =>
          perSecond(texts.length, async () => {
            for (const batch of batches) await runBare(batch);
          }),
      });
      const tokens = batches.flatMap((batch) => batch.tokens).reduce((sum, row) => sum + row.length, 0);
      const fallback = await perSecond(manyTexts.length, () => hashedNgrams.embed(manyTexts));
      return {
        'embedding-vs-onnxruntime': {
          ...found,
          notes: {
            ...{ texts: texts.length, batches: batches.length },
            tokens_per_text: Math.round(tokens / texts.length),
            fallback_texts_per_second: Math.round(fallback),
          },
        },
      };
    } finally {
      await embedder.close();
    }
  },
});
