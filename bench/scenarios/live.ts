import { defineScenario } from '../scenario.ts';
import { quantile } from '../support/figures.ts';
import { startShop } from '../support/shops.ts';

const asked = [
  'warm jacket for winter',
  'a present for a child',
  'fast charging cable',
  'something to cook rice',
  'quiet keyboard for the office',
  'shoes for running in the rain',
  'glass bottle',
  'light tent for two',
];
const pick = <T>(from: readonly T[]): T => from[Math.floor(Math.random() * from.length)] as T;

const kinds: Record<string, () => string> = {
  query: () => `query=${encodeURIComponent(pick(asked))}`,
  // Of all prices a fiftieth: of the hundred that are stored hardly any.
  filter: () => {
    const from = 10 + Math.floor(Math.random() * 480);
    return `min_price=${from}&max_price=${from + 10}`;
  },
  both: () => `query=${encodeURIComponent(pick(asked))}&min_price=50&max_price=150`,
};

/**
 * What an answer costs that no stored list can give. `--set shop=large` for 40,000 products, `--set model=FOLDER` for
 * queries embedded by MiniLM instead of the fallback.
 */
export const live = defineScenario({
  figures: [
    {
      name: 'live-p99',
      unit: 'ms',
      what: 'recommendations with a query or a narrow filter, the slowest of the three kinds of question',
      aim: { of: 'ours', want: '<=', value: 50 },
    },
  ],
  async run(stage) {
    const model = stage.given('model');
    const system = await stage.startSystem(
      model === undefined ? {} : { EMBEDDER: 'auto', EMBEDDING_MODEL_PATH: model },
    );
    const { api, users } = await startShop(stage, system, {
      ...{ shop: stage.choice('shop', ['demo', 'large']), model: false },
      size: { users: 1_000, items: stage.size('items', { s: 40_000, l: 40_000 }), signals: 20_000 },
    });
    const questions = stage.size('questions', { s: 500, l: 4_000 });
    const connections = stage.size('connections', { s: 4, l: 4 });
    const ask = async (parameters: () => string, count: number): Promise<number[]> => {
      const took: number[] = [];
      let sent = 0;
      await Promise.all(
        Array.from({ length: connections }, async () => {
          while (sent < count) {
            sent += 1;
            const began = performance.now();
            await api.get(`/v1/users/${pick(users)}/recommendations?k=10&${parameters()}`);
            took.push(performance.now() - began);
          }
        }),
      );
      return took;
    };
    const slowest: number[] = [];
    const rounds: Record<string, { p50: number; p99: number }>[] = [];
    for (const parameters of Object.values(kinds)) await ask(parameters, Math.ceil(questions / 5));
    for (let round = 0; round < stage.rounds; round += 1) {
      const found: Record<string, { p50: number; p99: number }> = {};
      for (const [kind, parameters] of Object.entries(kinds)) {
        const took = await ask(parameters, questions);
        const ms = (share: number) => Math.round(10 * quantile(took, share)) / 10;
        found[kind] = { p50: ms(0.5), p99: ms(0.99) };
      }
      rounds.push(found);
      slowest.push(Math.max(...Object.values(found).map(({ p99 }) => p99)));
    }
    const { index } = await api.status();
    return {
      'live-p99': {
        ours: slowest,
        notes: { ...{ embedder: index?.model, products: index?.products, questions, connections }, rounds },
      },
    };
  },
});
