import { onTestFinished } from 'vitest';
import { findFreePort } from '../../src/embedded/endpoint.ts';
import { deploySystem } from './deploy.ts';

/**
 * The system as it is deployed: servers of its own that may be killed, and API, worker and scheduler as processes.
 * Ends with the test, unless `closing` takes what ends it to do so later.
 */
export const startSystem = async (
  env: Record<string, string> = {},
  closing = (stop: () => Promise<void>) => onTestFinished(stop, 60_000),
) => {
  const system = await deploySystem({ env });
  closing(system.stop);
  // Only now: while the servers came up, another test could have taken it.
  const PORT = env.PORT ?? String(await findFreePort());
  const [api, worker, scheduler] = await Promise.all([
    system.startProcess('api', { PORT }),
    system.startProcess('worker'),
    system.startProcess('scheduler'),
  ]);
  return { ...system, url: `http://127.0.0.1:${PORT}`, processes: { api, worker, scheduler } };
};

export type RunningSystem = Awaited<ReturnType<typeof startSystem>>;
