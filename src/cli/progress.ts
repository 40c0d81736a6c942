import { Presets, SingleBar } from 'cli-progress';

export interface Progress {
  /** `note` stands beside the bar, such as a count of what was done. */
  update(done: number, note: string): void;
  end(): void;
}

const everyMs = 5_000;

/**
 * Show on stderr how far a command is: a bar on a terminal, elsewhere a plain line now and then. `total` 0 when the end
 * is not known; `quiet` for callers that want nothing but the result.
 */
export const showProgress = (
  label: string,
  { total, quiet }: { total: number; quiet: boolean },
): Progress => {
  if (quiet) return { update: () => {}, end: () => {} };
  if (process.stderr.isTTY && total > 0) {
    const format = `${label} {bar} {percentage}% {note}`;
    const bar = new SingleBar({ format, stream: process.stderr, hideCursor: true }, Presets.shades_classic);
    bar.start(total, 0, { note: '' });
    return {
      update: (done, note) => bar.update(Math.min(done, total), { note }),
      end: () => bar.stop(),
    };
  }
  let last = Date.now();
  return {
    update(done, note) {
      if (Date.now() - last < everyMs) return;
      last = Date.now();
      const share = total > 0 ? ` ${Math.floor((Math.min(done, total) / total) * 100)} %` : '';
      process.stderr.write(`${label}${share} ${note}\n`);
    },
    end: () => {},
  };
};
