import type { UserSignals } from '../../src/db/signals.ts';

/** Everything a person did, in one order. */
export const told = ({ person, present, merged, numbers, kinds, times, values, at }: UserSignals) => ({
  ...{ person, present, merged },
  deeds: Array.from(numbers, (number, entry) => ({
    ...{ number, kind: kinds[entry], times: times[entry], value: values[entry] },
    at: Math.round((at[entry] as number) * 1e6),
  })).sort((one, other) => one.number - other.number || (one.kind ?? 0) - (other.kind ?? 0)),
});
