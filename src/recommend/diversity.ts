/** What may be chosen: its worth and, row by row in `vectors`, where it lies. */
export interface Candidates {
  /** Best first. */
  scores: Float32Array;
  /** `scores.length × dim`, of unit length; zeros for what has none, which is like nothing else. */
  vectors: Float32Array;
  dim: number;
}

/**
 * The places of `k` candidates by maximal marginal relevance (Carbonell and Goldstein, "The use of MMR, diversity-based
 * reranking for reordering documents and producing summaries", 1998): each next one has the most of (1 - diversity) ×
 * worth - diversity × likeness to the most alike of those chosen before. Worth is taken as the share of the best's, so
 * that it compares with a cosine. 0 is the order they came in, 1 looks at likeness alone after the first.
 */
export const diversify = (
  { scores, vectors, dim }: Candidates,
  { k, diversity }: { k: number; diversity: number },
): number[] => {
  const best = scores[0] as number;
  const likeness = new Float32Array(scores.length);
  const left = Array.from(scores, (_, place) => place);
  const chosen: number[] = [];
  while (chosen.length < k && left.length > 0) {
    let next = 0;
    let most = Number.NEGATIVE_INFINITY;
    for (const [at, place] of left.entries()) {
      const worth = best > 0 ? (scores[place] as number) / best : 0;
      const gain = (1 - diversity) * worth - diversity * (likeness[place] as number);
      if (gain <= most) continue;
      most = gain;
      next = at;
    }
    const [place] = left.splice(next, 1) as [number];
    chosen.push(place);
    for (const other of left) {
      let cosine = 0;
      for (let axis = 0; axis < dim; axis += 1)
        cosine += (vectors[place * dim + axis] as number) * (vectors[other * dim + axis] as number);
      likeness[other] = Math.max(likeness[other] as number, cosine);
    }
  }
  return chosen;
};
