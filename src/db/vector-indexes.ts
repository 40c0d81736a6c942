import type { Manifest, Shard } from '../vectors/manifest.ts';
import type { Db } from './database.ts';

export interface ServingIndex {
  model: string;
  generation: number;
  manifest: Manifest;
}

/** The generation that is to be served; undefined before the first. */
export const findServingIndex = async (db: Db): Promise<ServingIndex | undefined> => {
  const [row] = await db<ServingIndex>`
    select model, generation, manifest from vector_indexes where serving and manifest is not null`;
  return row;
};

/** The same without its manifest, for looking often. */
export const findServingGeneration = async (
  db: Db,
): Promise<{ model: string; generation: number; exported: number } | undefined> => {
  const [row] = await db<{ model: string; generation: number; exported: number }>`
    select model, generation, exported from vector_indexes where serving and manifest is not null`;
  return row;
};

/** A base shard that is built and not yet published. */
export interface ShardDraft {
  draft_id: number;
  shards: number;
  shard: number;
  /** Every vector up to this version is in it. */
  seen: number;
  files: Shard | null;
}

/** All that decides what to do about the index of a model, as of one moment. */
export interface IndexState {
  model: string;
  dim: number;
  vectors: number;
  generation: number;
  serving: boolean;
  serving_model: string | null;
  manifest: Manifest | null;
  covers: number;
  seen: number[];
  described: Record<string, number>;
  announced: number;
  /** The newest version among the changes; 0 without any. */
  newest: number;
  drafts: ShardDraft[];
}

/** The models that have vectors, the one being served first. */
export const listModels = (db: Db) => db<{ model: string }>`
  select m.model from vector_models m left join vector_indexes i using (model)
  order by coalesce(i.serving, false) desc, m.model`;

export const findIndexState = async (db: Db, model: string): Promise<IndexState | undefined> => {
  const [row] = await db<IndexState>`
    select m.model, m.dim, m.vectors, coalesce(i.generation, 0) as generation, coalesce(i.serving, false) as serving,
      (select s.model from vector_indexes s where s.serving) as serving_model, i.manifest,
      coalesce(i.covers, 0) as covers, coalesce(i.seen, '{}') as seen, coalesce(i.described, '{}') as described,
      coalesce(i.announced, 0) as announced,
      coalesce((select max(c.version) from vector_changes c where c.model = m.model), 0) as newest,
      coalesce((select jsonb_agg(jsonb_build_object('draft_id', d.draft_id, 'shards', d.shards, 'shard', d.shard,
        'seen', d.seen, 'files', d.files)) from shard_drafts d where d.model = m.model), '[]') as drafts
    from vector_models m
    left join vector_indexes i using (model)
    where m.model = ${model}`;
  return row;
};

export interface Changes {
  /** The newest version there was: the changes listed hold everything up to it that the drafts do not. */
  covers: number;
  /** Vectors of the model in all, at the same moment. */
  vectors: number;
  ids: string[];
}

/** The products whose vectors are newer than base shards and these drafts, `limit` of them. */
export const listChanges = async (
  db: Db,
  { model, drafts, limit }: { model: string; drafts: readonly number[]; limit: number },
): Promise<Changes> => {
  const [row] = await db<Changes>`
    select coalesce((select max(c.version) from vector_changes c where c.model = ${model}), 0) as covers,
      coalesce((select m.vectors from vector_models m where m.model = ${model}), 0) as vectors,
      array(
        select c.product_id
        from vector_changes c
        where c.model = ${model} and not exists (
          select from shard_drafts d
          where d.draft_id = any(${drafts}::bigint[]) and c.bucket % d.shards = d.shard and c.version <= d.seen)
        order by c.product_id
        limit ${limit}
      ) as ids`;
  return row as Changes;
};

/** How many changes wait for a base shard, by its number. */
export const countChanges = (db: Db, model: string, shards: number) => db<{
  shard: number;
  changes: number;
}>`
  select bucket % ${shards}::integer as shard, count(*)::integer as changes
  from vector_changes where model = ${model}
  group by 1`;

export interface Publication {
  model: string;
  /** The generation it follows. */
  was: number;
  manifest: Manifest;
  covers: number;
  seen: readonly number[];
  drafts: readonly number[];
}

/** Make a generation the one that is served, unless another came first (false). */
export const publishGeneration = async (
  db: Db,
  { model, was, manifest, covers, seen, drafts }: Publication,
): Promise<boolean> => {
  const [row] = await db<{ published: boolean }>`
    select publish_index(${model}, ${was}, true, ${JSON.stringify(manifest)}::text::jsonb, ${covers},
      ${seen}::bigint[], ${drafts}::bigint[]) as published`;
  return row?.published ?? false;
};

/** What a shard is to be built from: how many rows about, and the version that all of them are at least as new as. */
export const findShardSource = async (
  db: Db,
  { model, buckets }: { model: string; buckets: readonly number[] },
): Promise<{ dim: number; rows: number; seen: number } | undefined> => {
  const [row] = await db<{ dim: number; rows: number; seen: number }>`
    select m.dim, (
        select count(*)::integer from product_vectors v where v.model = m.model and v.bucket = any(${buckets}::smallint[])
      ) as rows,
      greatest((select max(c.version) from vector_changes c where c.model = m.model),
        (select i.covers from vector_indexes i where i.model = m.model), 0) as seen
    from vector_models m
    where m.model = ${model}`;
  return row;
};

/** Keep a built shard until it is published, unless a newer one is kept already. */
export const insertShardDraft = (
  db: Db,
  { model, shards, shard, seen, files }: Omit<ShardDraft, 'draft_id'> & { model: string },
) => db`
  insert into shard_drafts (model, shards, shard, seen, files)
  values (${model}, ${shards}, ${shard}, ${seen}, ${files && JSON.stringify(files)}::text::jsonb)
  on conflict (model, shards, shard) do update
    set draft_id = default, seen = excluded.seen, files = excluded.files, built_at = excluded.built_at
    where shard_drafts.seen <= excluded.seen`;

/** Note that everybody was told of a generation; false when it is no longer the current one. */
export const markAnnounced = async (db: Db, model: string, generation: number): Promise<boolean> =>
  (
    await db`
      update vector_indexes set announced = ${generation}
      where model = ${model} and generation = ${generation} and serving
      returning model`
  ).length > 0;

export const markExported = (db: Db, model: string, generation: number) => db`
  update vector_indexes set exported = greatest(exported, ${generation}) where model = ${model}`;

export interface Description {
  model: string;
  generation: number;
  file: string;
  deltaFile: string | null;
  first: number;
  ids: readonly string[];
  dim: number;
}

/** Write down where vectors lie, from row `first` of a file on; false when the generation is no longer the current one. */
export const describeVectors = async (db: Db, description: Description): Promise<boolean> => {
  const { model, generation, file, deltaFile, first, ids, dim } = description;
  const [row] = await db<{ described: boolean }>`
    select describe_vectors(${model}, ${generation}, ${file}, ${deltaFile}::varchar, ${first}, ${ids}::uuid[], ${dim})
      as described`;
  return row?.described ?? false;
};

/** Models that another has replaced, longer ago than `seconds`. */
export const listRetiredModels = (db: Db, seconds: number) => db<{ model: string }>`
  select model from vector_indexes
  where not serving and retired_at < now() - ${seconds} * interval '1 second'
    and exists (select from vector_indexes where serving)`;

/** Forget the index of a model that has no vectors left. */
export const deleteIndex = (db: Db, model: string) => db`
  with generations as (delete from index_generations where model = ${model}),
  drafts as (delete from shard_drafts where model = ${model})
  delete from vector_indexes where model = ${model} and not serving`;

/** Forget generations that were replaced, and drafts nobody took, longer ago than this. */
export const pruneGenerations = (
  db: Db,
  {
    replacedSeconds,
    draftSeconds,
  }: {
    replacedSeconds: number;
    draftSeconds: number;
  },
) => db`
  with drafts as (delete from shard_drafts where built_at < now() - ${draftSeconds} * interval '1 second')
  delete from index_generations g
  where exists (
    select from index_generations later
    where later.model = g.model and later.generation > g.generation
      and later.published_at < now() - ${replacedSeconds} * interval '1 second')`;

/** Every manifest and draft whose files somebody may need. */
export const listReferences = (db: Db) => db<{
  model: string;
  generation: number | null;
  manifest: Manifest | null;
  files: Shard | null;
}>`
  select model, generation, manifest, null::jsonb as files from index_generations
  union all
  select model, generation, manifest, null from vector_indexes
  union all
  select model, null, null, files from shard_drafts`;
