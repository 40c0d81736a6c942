import type { InvertedLists } from './faiss-file.ts';
import type { NearestSearch } from './nearest.ts';
import { normal, sample, seededRandom } from './random.ts';

const listsPerRoot = 2;
const rowsPerList = 64;
const rounds = 6;
// However few lists hold the ten nearest, searches for more than ten and filters want more rows than that looked at.
const rowsProbedAtLeast = 1024;
const chunkRows = 4096;
const nearest = 10;
const aim = 0.99;
const queriesOfAKind = 256;

/** Rows as one array, how many floats each has, and how many of the shard's nearest rows a search is to find. */
export interface Vectors {
  vectors: Float32Array;
  dim: number;
  recallAt: number;
}

/**
 * How many of a shard's own nearest rows matter for the ten nearest of all: twice its part of them. To find all ten of
 * its own in each of 32 shards would be to search nearly everything for rows that are not among the ten of the whole.
 */
export const recallAtFor = (shards: number): number =>
  Math.min(nearest, Math.max(2, Math.ceil((2 * nearest) / shards)));

const normalise = (row: Float32Array) => {
  const length = Math.hypot(...row);
  if (length > 0) for (const [at, x] of row.entries()) row[at] = x / length;
};

const rowsAt = ({ vectors, dim }: Vectors, rows: Uint32Array): Float32Array => {
  const picked = new Float32Array(rows.length * dim);
  for (const [at, row] of rows.entries()) picked.set(vectors.subarray(row * dim, (row + 1) * dim), at * dim);
  return picked;
};

/** The nearest centroid of each row. In chunks, for the products of all rows with all centroids would not fit. */
const assign = async (search: NearestSearch, { vectors, dim }: Vectors, centroids: Float32Array) => {
  const listOf = new Int32Array(vectors.length / dim);
  for (let start = 0; start < listOf.length; start += chunkRows) {
    const chunk = vectors.subarray(start * dim, (start + chunkRows) * dim);
    listOf.set((await search.nearest(chunk, centroids, dim, 1)).rows, start);
  }
  return listOf;
};

/** Each centroid becomes the direction of its rows' sum; one without rows takes half of the fullest list. */
const recentre = (
  { vectors, dim }: Vectors,
  listOf: Int32Array,
  centroids: Float32Array,
  random: () => number,
) => {
  const filled = new Uint32Array(centroids.length / dim);
  centroids.fill(0);
  for (const [row, list] of listOf.entries()) {
    filled[list] = (filled[list] as number) + 1;
    const from = row * dim;
    const to = list * dim;
    for (let at = 0; at < dim; at += 1) {
      centroids[to + at] = (centroids[to + at] as number) + (vectors[from + at] as number);
    }
  }
  const centroid = (list: number) => centroids.subarray(list * dim, (list + 1) * dim);
  for (const list of filled.keys()) normalise(centroid(list));
  for (const [list, count] of filled.entries()) {
    if (count > 0) continue;
    const fullest = filled.indexOf(Math.max(...filled));
    const half = centroid(fullest).map((x) => x + (normal(random) * 0.01) / Math.sqrt(dim));
    normalise(half);
    centroid(list).set(half);
    filled[list] = (filled[fullest] as number) >>> 1;
    filled[fullest] = (filled[fullest] as number) - (filled[list] as number);
  }
};

/** Spherical k-means on a sample. */
const trainCentroids = async (search: NearestSearch, all: Vectors, lists: number, random: () => number) => {
  const count = all.vectors.length / all.dim;
  const rows = sample(count, lists * rowsPerList, random);
  const trained = rows.length === count ? all : { ...all, vectors: rowsAt(all, rows) };
  const centroids = rowsAt(all, rows.subarray(0, lists));
  for (let round = 0; round < rounds; round += 1) {
    recentre(trained, await assign(search, trained, centroids), centroids, random);
  }
  return centroids;
};

/** The exact nearest of each query among all rows, without `except[query]`. */
const exact = async (search: NearestSearch, all: Vectors, queries: Float32Array, except: Uint32Array) => {
  const { vectors, dim, recallAt } = all;
  const best = Array.from(except, () => [] as { row: number; score: number }[]);
  for (let start = 0; start * dim < vectors.length; start += chunkRows) {
    const chunk = vectors.subarray(start * dim, (start + chunkRows) * dim);
    const k = Math.min(recallAt + 1, chunk.length / dim);
    const { scores, rows } = await search.nearest(queries, chunk, dim, k);
    for (const [query, found] of best.entries()) {
      for (let at = query * k; at < (query + 1) * k; at += 1) {
        const row = start + (rows[at] as number);
        if (row !== except[query]) found.push({ row, score: scores[at] as number });
      }
    }
  }
  return best.map((found) => found.sort((x, y) => y.score - x.score).slice(0, recallAt));
};

/**
 * Recall for every number of probes. Inside the lists that it looks into FAISS is exact, so a neighbour is found if
 * and only if its list is among the probed ones, which needs no search to know.
 */
const recallByProbes = async (
  search: NearestSearch,
  all: Vectors,
  { centroids, listOf }: Pick<InvertedLists, 'centroids' | 'listOf'>,
  queries: Float32Array,
  except: Uint32Array,
) => {
  const lists = centroids.length / all.dim;
  const nearestLists = (await search.nearest(queries, centroids, all.dim, lists)).rows;
  const needed = new Uint32Array(lists + 1);
  let neighbours = 0;
  for (const [query, found] of (await exact(search, all, queries, except)).entries()) {
    const rank = new Uint32Array(lists);
    for (let at = 0; at < lists; at += 1) rank[nearestLists[query * lists + at] as number] = at + 1;
    for (const { row } of found) {
      const probes = rank[listOf[row] as number] as number;
      needed[probes] = (needed[probes] as number) + 1;
      neighbours += 1;
    }
  }
  let foundSoFar = 0;
  return Array.from(needed, (count) => {
    foundSoFar += count;
    return foundSoFar / neighbours;
  });
};

/**
 * Two kinds of queries, each to be answered well: rows of the shard without themselves (similar products), and rows
 * moved off by noise of half their length (a question in words lies near products, not on one).
 */
const measure = async (
  search: NearestSearch,
  all: Vectors,
  ivf: Omit<InvertedLists, 'probes'>,
  random: () => number,
) => {
  const rows = sample(ivf.listOf.length, queriesOfAKind, random);
  const queries = rowsAt(all, rows);
  const own = await recallByProbes(search, all, ivf, queries, rows);
  for (const at of queries.keys())
    queries[at] = (queries[at] as number) + (normal(random) * 0.5) / Math.sqrt(all.dim);
  const nobody = new Uint32Array(rows.length).fill(ivf.listOf.length);
  const moved = await recallByProbes(search, all, ivf, queries, nobody);
  return own.map((recall, probes) => Math.min(recall, moved[probes] as number));
};

/** Lists for these rows, and as many probes as give recall ≥ 0.99 on questions held against exact search. */
export const trainLists = async (
  search: NearestSearch,
  all: Vectors,
): Promise<InvertedLists & { recall: number }> => {
  const random = seededRandom(1);
  const lists = Math.round(listsPerRoot * Math.sqrt(all.vectors.length / all.dim));
  const centroids = await trainCentroids(search, all, lists, random);
  const listOf = await assign(search, all, centroids);
  const recalls = await measure(search, all, { centroids, listOf }, random);
  const enough = recalls.findIndex((recall) => recall >= aim);
  const probes = Math.min(lists, Math.max(enough, Math.ceil((rowsProbedAtLeast * lists) / listOf.length)));
  return { centroids, listOf, probes, recall: recalls[probes] as number };
};
