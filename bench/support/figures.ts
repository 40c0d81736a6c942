/** The value below which this share of the others lies. Sorts in place. */
export const quantile = (values: number[], share: number): number => {
  values.sort((a, b) => a - b);
  return values[Math.floor(share * (values.length - 1))] ?? Number.NaN;
};

export const median = (values: readonly number[]): number => quantile([...values], 0.5);
