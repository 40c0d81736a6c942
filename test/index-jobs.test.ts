import { expect, test } from 'vitest';
import { exportEmbeddings } from '../jobs/export-embeddings.ts';
import { pruneArtifacts } from '../jobs/prune-artifacts.ts';
import { upsertCategories } from '../jobs/upsert-categories.ts';
import { findIndexState, findServingIndex } from '../src/db/vector-indexes.ts';
import { fallbackModel } from '../src/embeddings/fallback-model.ts';
import { handleExportEmbeddings } from '../workers/export-embeddings.ts';
import { handlePruneArtifacts } from '../workers/prune-artifacts.ts';
import { handleUpsertCategories } from '../workers/upsert-categories.ts';
import { drain } from './support/drain.ts';
import { eventually } from './support/eventually.ts';
import {
  build,
  change,
  countMarks,
  countVectors,
  embed,
  event,
  expectMetaTrue,
  goods,
  publish,
  putProducts,
  search,
  servingOf,
} from './support/index-steps.ts';
import { performJob } from './support/perform-job.ts';
import { setup } from './support/setup.ts';

test('an empty shop has no index, and nothing fails', async () => {
  const { parts, db } = await setup();
  await embed(parts);
  await publish(parts);
  await publish(parts, { fold: true });
  await performJob(exportEmbeddings, handleExportEmbeddings, {}, parts);
  await performJob(pruneArtifacts, handlePruneArtifacts, {}, parts);
  expect(await findServingIndex(db)).toBeUndefined();
});

test('workers embed what is put, build its shard and publish it; an edit follows, a price does not', async () => {
  const system = await setup();
  const { parts, db } = system;
  system.startWorkers();
  const ids = await putProducts(parts, 700);
  await drain(system);
  expect(await countVectors(parts)).toBe(700);
  const { manifest } = await servingOf(parts);
  expect(manifest.count).toBe(700);
  expect(manifest.shards[0]?.count).toBeGreaterThan(0);
  await expectMetaTrue(parts);

  const [before] = await db`select (select last_value from vector_version) as version`;
  await change(parts, ids[0] as string, { price: '1.00' });
  expect(await countMarks(parts, 'embedding')).toBe(0);
  await drain(system);
  expect(await db`select (select last_value from vector_version) as version`).toEqual([before]);

  await change(parts, ids[1] as string, { name: 'submarine periscope' });
  await eventually(
    async () => expect(await search(parts, 'periscope')).toEqual(['submarine periscope']),
    5_000,
  );
  await drain(system);
  expect((await servingOf(parts)).manifest.count).toBe(700);
  await expectMetaTrue(parts);
});

test('a renamed category gives the products in and below it new vectors, and only those', async () => {
  const { parts, db } = await setup();
  const category = (slug: string, name: string, parent_slug: string | null = null) =>
    performJob(
      upsertCategories,
      handleUpsertCategories,
      { events: [event({ slug, name, parent_slug })] },
      parts,
    );
  await category('home', 'Home');
  await category('kitchen', 'Kitchen', 'home');
  await category('sports', 'Sports');
  const below = await putProducts(parts, 3, { category_slug: 'kitchen' });
  await putProducts(parts, 3, { category_slug: 'sports' });
  await embed(parts);
  const [text] = await db<{ body: string }>`select body from product_text(${[below[0]]}::uuid[])`;
  expect(text?.body).toContain('Home > Kitchen');

  await category('home', 'Home');
  expect(await countMarks(parts, 'embedding')).toBe(0);
  await category('home', 'House');
  const marked = await db<{ key: string }>`select key from dirty_keys where kind = 'embedding' order by key`;
  expect(marked.map(({ key }) => key)).toEqual([...below].sort());
  const versions = await db<{ version: number }>`select max(version) as version from vector_changes`;
  await embed(parts);
  const changed = await db<{ product_id: string }>`
    select product_id from vector_changes where version > ${versions[0]?.version} order by product_id`;
  expect(changed.map(({ product_id }) => product_id)).toEqual([...below].sort());
});

test('an edit lies in the delta, over its base shard, until that is built again', async () => {
  const { parts, db } = await setup();
  const ids = await putProducts(parts, 20);
  await embed(parts);
  await build(parts);
  await publish(parts);
  const first = (await servingOf(parts)).manifest;
  expect([first.shards[0]?.count, first.delta]).toEqual([20, null]);

  await change(parts, ids[3] as string, { long_description: 'a telescope for stars' });
  await embed(parts);
  await publish(parts);
  const second = (await servingOf(parts)).manifest;
  expect(second.shards).toEqual(first.shards);
  expect([second.delta?.count, second.count]).toEqual([1, 20]);
  expect(await search(parts, 'telescope for stars')).toEqual([`${goods[3]} 3`]);
  await expectMetaTrue(parts);

  await build(parts);
  await publish(parts);
  const third = (await servingOf(parts)).manifest;
  expect([third.shards[0]?.count, third.delta]).toEqual([20, null]);
  expect(await db`select product_id from vector_changes`).toEqual([]);
  await expectMetaTrue(parts);
  const covered = await findIndexState(db, fallbackModel);
  await publish(parts);
  expect((await servingOf(parts)).generation).toBe(third.generation);

  // Published anew without a change it covers what it did, so a shard that is built from now on is new enough.
  await publish(parts, { anew: true });
  await build(parts);
  await publish(parts);
  expect(await findIndexState(db, fallbackModel)).toMatchObject({ drafts: [], covers: covered?.covers });
});
