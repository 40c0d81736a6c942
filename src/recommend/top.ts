export interface Top {
  /** Best first; of equal ones the lower number. */
  items: Uint32Array;
  scores: Float32Array;
}

/** More than places ever are; times 2^32 still a whole number. */
const places = 2 ** 21;
/** Rows of no more than so many times k are sorted as a whole. */
const worthSelecting = 4;

/** The first k of `size` pairs when they are sorted: best first, of equal scores the lower item. */
const inOrder = (scores: Float32Array, items: Uint32Array, size: number, k: number): Top => {
  // A pair is one number, for typed arrays sort those natively: the score's bits, turned so that they ascend as scores
  // descend, and behind them the item.
  const keys = new Float64Array(size);
  const bits = new Int32Array(scores.buffer, scores.byteOffset, size);
  for (let at = 0; at < size; at += 1) {
    const own = bits[at] as number;
    keys[at] = (own < 0 ? 0x7fffffff & own : -1 - own) * places + (items[at] as number);
  }
  keys.sort();
  const top = { items: new Uint32Array(Math.min(k, size)), scores: new Float32Array(Math.min(k, size)) };
  const scoreBits = new Int32Array(top.scores.buffer);
  for (let nth = 0; nth < top.items.length; nth += 1) {
    const key = keys[nth] as number;
    const turned = Math.floor(key / places);
    top.items[nth] = key - turned * places;
    scoreBits[nth] = turned < 0 ? -1 - turned : 0x80000000 | turned;
  }
  return top;
};

/** Put a pair where it belongs in the heap below `from`: the worst is on top, of equal ones the higher item. */
const sink = (scores: Float32Array, items: Uint32Array, from: number, score: number, item: number): void => {
  const size = scores.length;
  let at = from;
  for (;;) {
    let child = 2 * at + 1;
    if (child >= size) break;
    let below = scores[child] as number;
    if (child + 1 < size) {
      const other = scores[child + 1] as number;
      if (other < below || (other === below && (items[child + 1] as number) > (items[child] as number))) {
        child += 1;
        below = other;
      }
    }
    if (below > score || (below === score && (items[child] as number) < item)) break;
    scores[at] = below;
    items[at] = items[child] as number;
    at = child;
  }
  scores[at] = score;
  items[at] = item;
};

/**
 * The k best items of a row of scores; those at minus infinity are no candidates, and fewer than k come back. A row is of
 * at most two million items.
 */
export const topItems = (scores: Float32Array, k: number): Top => {
  const room = scores.length <= worthSelecting * k ? scores.length : k;
  const items = new Uint32Array(room);
  const kept = new Float32Array(room);
  let size = 0;
  // What a score has to be above: nothing more is asked of most. One that equals the worst of the heap has the higher item.
  let bar = room === 0 ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY;
  for (let item = 0; item < scores.length; item += 1) {
    const score = scores[item] as number;
    if (!(score > bar)) continue;
    if (size < room) {
      // Zero is zero, whatever its sign.
      kept[size] = score + 0;
      items[size] = item;
      size += 1;
      if (size < room || room === scores.length) continue;
      for (let root = (room >> 1) - 1; root >= 0; root -= 1)
        sink(kept, items, root, kept[root] as number, items[root] as number);
    } else sink(kept, items, 0, score + 0, item);
    bar = kept[0] as number;
  }
  return inOrder(kept, items, size, k);
};
