/**
 * Add rows to a sum as long as they are, each times its weight: row n begins in `values` at `starts[n]`. Four at a time, for
 * the sum is then loaded and stored a quarter as often.
 */
export const addRows = (
  sum: Float32Array,
  values: Float32Array,
  starts: Uint32Array,
  weights: Float32Array,
): void => {
  let nth = 0;
  for (; nth + 3 < starts.length; nth += 4) {
    const one = starts[nth] as number;
    const two = starts[nth + 1] as number;
    const three = starts[nth + 2] as number;
    const four = starts[nth + 3] as number;
    const w1 = weights[nth] as number;
    const w2 = weights[nth + 1] as number;
    const w3 = weights[nth + 2] as number;
    const w4 = weights[nth + 3] as number;
    for (let at = 0; at < sum.length; at += 1)
      sum[at] =
        (sum[at] as number) +
        w1 * (values[one + at] as number) +
        w2 * (values[two + at] as number) +
        w3 * (values[three + at] as number) +
        w4 * (values[four + at] as number);
  }
  for (; nth < starts.length; nth += 1) {
    const start = starts[nth] as number;
    const weight = weights[nth] as number;
    for (let at = 0; at < sum.length; at += 1)
      sum[at] = (sum[at] as number) + weight * (values[start + at] as number);
  }
};
