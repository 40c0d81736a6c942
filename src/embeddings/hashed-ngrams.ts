import type { Embedder } from './embedder.ts';
import { fallbackModel } from './fallback-model.ts';

const dim = 384;

// Words that say nothing about a product. They count a little, so that a text of nothing else is still a text.
const commonWords = new Set(
  `a all an and any are as at be but by can do each for from has have if in into is it its more no not of off on one only
  or other our out over so such than that the their them then this to up upto use used using was we when will with without
  you your`.split(/\s+/),
);
const commonWeight = 0.1;
// "3", "1080p", "b07": seldom what a thing is.
const digitWeight = 0.5;
// All n-grams of a word together, beside the word itself: they find typing errors and compounds.
const ngramWeight = 0.5;
const ngramSizes = [3, 4];

/** 32 bits, well mixed: FNV-1a, then Murmur's finish. One bit of it is a sign, so nothing simpler will do. */
const hashOf = (text: string): number => {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
};

const wordsOf = (text: string): string[] =>
  text
    .normalize('NFKD')
    .replace(/\p{M}+/gu, '')
    .toLowerCase()
    .match(/[\p{L}\p{N}]+/gu) ?? [];

/** A word and its n-grams: the hash of each and what it weighs. */
type Features = [hash: number, weight: number][];

const featuresOf = (word: string): Features => {
  const common = commonWords.has(word);
  const weight = common ? commonWeight : /\d/.test(word) ? digitWeight : 1;
  const features: Features = [
    [hashOf(word.length > 3 && word.endsWith('s') ? word.slice(0, -1) : word), weight],
  ];
  if (common) return features;
  const bounded = `<${word}>`;
  const share = (ngramWeight * weight) / Math.sqrt(bounded.length);
  for (const size of ngramSizes) {
    for (let start = 0; start + size <= bounded.length; start += 1) {
      // The mark keeps an n-gram apart from the word spelt like it.
      features.push([hashOf(`~${bounded.slice(start, start + size)}`), share]);
    }
  }
  return features;
};

const writeVector = (text: string, vector: Float32Array, known: Map<string, Features>): void => {
  const weights = new Map<number, number>();
  for (const word of wordsOf(text)) {
    let features = known.get(word);
    if (!features) {
      features = featuresOf(word);
      known.set(word, features);
    }
    for (const [hash, weight] of features) weights.set(hash, (weights.get(hash) ?? 0) + weight);
  }
  for (const [hash, weight] of weights) {
    // The sign makes features that share a place cancel out on average instead of adding up.
    const place = hash % dim;
    vector[place] = (vector[place] ?? 0) + (hash & 0x80000000 ? -1 : 1) * Math.sqrt(weight);
  }
  let squares = 0;
  for (const value of vector) squares += value * value;
  // Nothing to go by (or, hardly possible, all of it cancelled out): some unit vector, the same for all such texts.
  if (squares === 0) vector[0] = 1;
  else for (let place = 0; place < dim; place += 1) vector[place] = (vector[place] ?? 0) / Math.sqrt(squares);
};

/**
 * What stands in where the language model cannot be had: words and their n-grams hashed into as many places. It knows no
 * meaning, only spelling. It learns nothing from the catalogue: weights learnt from it would change with it, and with
 * them every vector.
 */
export const hashedNgrams: Embedder = {
  model: fallbackModel,
  dim,
  embed: async (texts) => {
    const vectors = new Float32Array(texts.length * dim);
    // Texts of a catalogue share most of their words.
    const known = new Map<string, Features>();
    for (const [row, text] of texts.entries()) {
      writeVector(text, vectors.subarray(row * dim, (row + 1) * dim), known);
    }
    return vectors;
  },
};
