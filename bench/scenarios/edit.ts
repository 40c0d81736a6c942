import { setTimeout as delay } from 'node:timers/promises';
import { defineScenario } from '../scenario.ts';
import { startShop } from '../support/shops.ts';

interface Text {
  id: string;
  name: string;
  short: string | null;
  long: string | null;
}

/** A product gets the words of another one, which is then what it is most like. */
export const edit = defineScenario({
  figures: [
    {
      name: 'edit-to-similar',
      unit: 's',
      what: 'from the 202 of a new text to the list of similar products that follows from it',
      aim: { of: 'ours', want: '<=', value: 5 },
    },
  ],
  async run(stage) {
    const system = await stage.startSystem();
    const { db, key, url } = system;
    const { api } = await startShop(stage, system, {
      ...{ shop: stage.choice('shop', ['demo', 'large']), model: false },
      size: { users: 1_000, items: stage.size('items', { s: 10_000, l: 100_000 }), signals: 20_000 },
    });
    const texts = await db<Text>`
      select product_id as id, name, short_description as short, long_description as long
      from products where available order by md5(product_id::text) limit ${2 * stage.rounds}`;
    const took: number[] = [];
    for (let round = 0; round < stage.rounds; round += 1) {
      const [edited, model] = [texts[2 * round], texts[2 * round + 1]] as [Text, Text];
      const answer = await fetch(`${url}/v1/products/${edited.id}`, {
        method: 'PATCH',
        headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
        body: JSON.stringify({
          ...{ name: model.name, short_description: model.short, long_description: model.long },
        }),
      });
      if (answer.status !== 202) throw new Error(await answer.text());
      const began = performance.now();
      for (;;) {
        const { items } = await api.get<{ items: { product_id: string }[] }>(
          `/v1/products/${edited.id}/similar?k=3`,
        );
        if (items.some(({ product_id }) => product_id === model.id)) break;
        if (performance.now() - began > 60_000) throw new Error('the list never followed');
        await delay(50);
      }
      took.push((performance.now() - began) / 1_000);
      stage.say(`${took.at(-1)?.toFixed(2)} s`);
    }
    return { 'edit-to-similar': { ours: took } };
  },
});
