export interface Top {
  /** Best first; of equal ones the lower number. */
  items: Uint32Array;
  scores: Float32Array;
}

/** The k best items of a row of scores; those at minus infinity are no candidates, and fewer than k come back. */
export const topItems = (scores: Float32Array, k: number): Top => {
  const items = new Uint32Array(k);
  const kept = new Float32Array(k);
  let size = 0;
  // A heap with the worst on top. A later item is the higher number, so on a tie the one in the heap stays.
  const settle = (from: number, limit: number, score: number, item: number) => {
    let at = from;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= limit) break;
      if (child + 1 < limit && worse(child + 1, child)) child += 1;
      const below = kept[child] as number;
      if (below > score || (below === score && (items[child] as number) < item)) break;
      kept[at] = below;
      items[at] = items[child] as number;
      at = child;
    }
    kept[at] = score;
    items[at] = item;
  };
  const scoreAt = (at: number) => kept[at] as number;
  const itemAt = (at: number) => items[at] as number;
  const worse = (one: number, other: number) =>
    (kept[one] as number) < (kept[other] as number) ||
    (kept[one] === kept[other] && (items[one] as number) > (items[other] as number));

  for (let item = 0; item < scores.length; item += 1) {
    const score = scores[item] as number;
    if (size === k) {
      if (k > 0 && score > (kept[0] as number)) settle(0, k, score, item);
      continue;
    }
    if (score === Number.NEGATIVE_INFINITY) continue;
    kept[size] = score;
    items[size] = item;
    size += 1;
    if (size === k)
      for (let root = (k >> 1) - 1; root >= 0; root -= 1) settle(root, k, scoreAt(root), itemAt(root));
  }
  if (size < k)
    for (let root = (size >> 1) - 1; root >= 0; root -= 1) settle(root, size, scoreAt(root), itemAt(root));
  // Whatever is taken off the top is the worst of what is left.
  const top = { items: new Uint32Array(size), scores: new Float32Array(size) };
  for (let left = size - 1; left >= 0; left -= 1) {
    top.items[left] = itemAt(0);
    top.scores[left] = scoreAt(0);
    settle(0, left, scoreAt(left), itemAt(left));
  }
  return top;
};
