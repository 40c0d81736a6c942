import { oneLine } from './failure.ts';

/** What one check of `zyra doctor` found. */
export interface Finding {
  check: string;
  state: 'ok' | 'warning' | 'failed';
  says: string;
  /** What to do about it. */
  todo?: string;
}

export const ok = (check: string, says: string): Finding => ({ check, state: 'ok', says });

export const warning = (check: string, says: string, todo: string): Finding => ({
  check,
  state: 'warning',
  says,
  todo,
});

export const failed = (check: string, says: string, todo: string): Finding => ({
  check,
  state: 'failed',
  says,
  todo,
});

/** Run a check; one that throws has failed, for the reason thrown. */
export const attempt = async (
  check: string,
  todo: string,
  work: () => Promise<Finding | Finding[]>,
): Promise<Finding[]> => {
  try {
    return [await work()].flat();
  } catch (error) {
    return [failed(check, oneLine(error), todo)];
  }
};

/** Bytes as people read them. */
export const size = (bytes: number): string => {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const power = bytes < 1 ? 0 : Math.min(Math.floor(Math.log2(bytes) / 10), units.length - 1);
  return `${(bytes / 1024 ** power).toFixed(power === 0 ? 0 : 1)} ${units[power]}`;
};

/** A time span as people read it. */
export const span = (ms: number): string => {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  const seconds = Math.round(ms / 1_000);
  return seconds < 120 ? `${seconds} s` : `${Math.round(seconds / 60)} min`;
};
