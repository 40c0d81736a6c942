/** A terminal sends Ctrl-C to npm and to us, and npm passes its own on: what comes this soon is the same key press. */
const samePressMs = 1_000;

export interface Wishes {
  /** Aborted when the system is to stop; with the error as its reason when it stops because of one. */
  stop: AbortSignal;
  /** Aborted when somebody who asked for the stop asks again. */
  hurry: AbortSignal;
}

/** Turns Ctrl-C, SIGTERM, a closed terminal, and an error nobody caught into the wish to stop. */
export const watchSignals = (): Wishes => {
  const stop = new AbortController();
  const hurry = new AbortController();
  let firstAt = 0;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      if (!stop.signal.aborted) {
        firstAt = Date.now();
        stop.abort(signal);
      } else if (Date.now() - firstAt > samePressMs) hurry.abort();
    });
  }
  // postgres.js throws where no caller can catch when its server goes away under a statement. Whatever it is, ours is to
  // take everything down in order; once that is under way, it changes nothing.
  process.on('uncaughtException', (error) => stop.abort(error));
  return { stop: stop.signal, hurry: hurry.signal };
};

/** Resolves when the signal is aborted. */
export const untilAborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
