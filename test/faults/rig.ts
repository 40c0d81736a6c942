import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { projectRoot } from '../../src/config.ts';
import type { Child } from '../../src/embedded/child.ts';
import { findFreePort } from '../../src/embedded/endpoint.ts';
import { deploySystem, type ProcessName, type ServerName } from '../support/deploy.ts';
import { stretchWire, type Wire } from '../support/faulty-wire.ts';

/** What a process is told beyond its settings: a point at which it kills itself (`fault-point.ts`), or other settings. */
export type Special = Record<string, string>;

/** Loaded into a process that is to die at a point of its own. */
const faultPoint = pathToFileURL(join(projectRoot, 'dist/test/faults/fault-point.js')).href;

type Log = (line: string) => void;

/**
 * One process that is kept running: whatever ends it, it is started again, as a supervisor would, unless it was stopped
 * here.
 */
const createSlot = (
  kind: ProcessName,
  name: string,
  start: (special: Special) => Promise<Child>,
  log: Log,
) => {
  let child: Child | undefined;
  let wanted = false;
  let special: Special = {};
  let starting: Promise<void> | undefined;

  const keepTrying = async (): Promise<void> => {
    while (wanted && child === undefined) {
      try {
        const started = await start(special);
        child = started;
        void started.exited.then((how) => {
          if (child === started) child = undefined;
          if (!wanted) return;
          slot.ownEnds += 1;
          log(`${name} ${how}`);
          void delay(200).then(() => {
            if (wanted) return slot.start(special.FAULT_STAYS ? special : {});
          });
        });
        return;
      } catch (error) {
        slot.ownEnds += 1;
        if (!special.FAULT_STAYS) special = {};
        log(`${name} did not start: ${(error as Error).message.split('\n')[0]}`);
        await delay(500);
      }
    }
  };

  const slot = {
    ...{ kind, name },
    /** Ends that nobody here asked for. */
    ownEnds: 0,
    pid: () => child?.pid,
    up: () => child !== undefined,
    /** Start it, and again while it cannot come up. One that ends by itself comes back without what it was told. */
    start(told: Special = {}): Promise<void> {
      wanted = true;
      special = told;
      starting ??= keepTrying().finally(() => {
        starting = undefined;
      });
      return starting;
    },
    signal: (signal: NodeJS.Signals) => child?.kill(signal),
    exited: () => child?.exited ?? Promise.resolve('was not running'),
    /** End it for good, or until `start`. @returns how it ended */
    async stop(signal: NodeJS.Signals = 'SIGKILL'): Promise<string> {
      wanted = false;
      await starting;
      const ended = child?.exited ?? Promise.resolve('was not running');
      // Who is frozen hears nothing.
      child?.kill(signal);
      child?.kill('SIGCONT');
      const how = await ended;
      child = undefined;
      return how;
    },
  };
  return slot;
};

export type Slot = ReturnType<typeof createSlot>;

interface RigOptions {
  log: Log;
  apis?: number;
  workers?: number;
  env?: Record<string, string>;
  serverEnv?: Partial<Record<ServerName, Record<string, string>>>;
}

/**
 * The deployed system with several API and worker processes, each of which and each server can be made to fail. Every
 * process has wires of its own to the servers; while `wired` they are used, else it is connected directly.
 */
export const startRig = async ({ log, apis = 2, workers = 2, env = {}, serverEnv = {} }: RigOptions) => {
  const system = await deploySystem({ env, serverEnv });
  const ports = await Promise.all(Array.from({ length: apis }, findFreePort));
  const wires: Record<'api' | 'worker', Record<ServerName, Wire>> = {
    api: await layWires(),
    worker: await layWires(),
  };
  async function layWires() {
    const { postgres, queue, cache } = system.servers;
    return {
      postgres: await stretchWire(postgres.url),
      queue: await stretchWire(queue.url),
      cache: await stretchWire(cache.url),
    };
  }
  let wired = false;
  const addresses = (kind: ProcessName): Record<string, string> => {
    if (!wired || kind === 'scheduler') return {};
    const { postgres, queue, cache } = wires[kind];
    return { DATABASE_URL: postgres.url, REDIS_QUEUE_URL: queue.url, REDIS_CACHE_URL: cache.url };
  };
  const slot = (kind: ProcessName, nth: number): Slot => {
    const name = `${kind}-${nth}`;
    const own: Special = kind === 'api' ? { PORT: String(ports[nth]) } : {};
    const start = (special: Special) =>
      system.startProcess(
        kind,
        {
          ...own,
          ...addresses(kind),
          ...special,
          ...(special.FAULT_POINT && { NODE_OPTIONS: `--import=${faultPoint}` }),
        },
        name,
      );
    return createSlot(kind, name, start, log);
  };
  const api = Array.from({ length: apis }, (_, nth) => slot('api', nth));
  const worker = Array.from({ length: workers }, (_, nth) => slot('worker', nth));
  const scheduler = slot('scheduler', 0);
  const all = [...api, ...worker, scheduler];
  const up: Record<ServerName, boolean> = { postgres: true, queue: true, cache: true };
  const stop = async () => {
    await Promise.all(all.map((one) => one.stop()));
    await Promise.all(Object.values(wires).flatMap((of) => Object.values(of).map((wire) => wire.close())));
    await system.stop();
  };
  try {
    await Promise.all(all.map((one) => one.start()));
  } catch (error) {
    await stop();
    throw error;
  }

  const rig = {
    ...{ system, api, worker, scheduler, wires, log, stop },
    urls: () => ports.map((port) => `http://127.0.0.1:${port}`),
    kills: 0,
    ownEnds: () => all.reduce((sum, { ownEnds }) => sum + ownEnds, 0),
    /** Kill a process and start it again after a while. */
    async killProcess(target: Slot, downMs = 0, special: Special = {}): Promise<void> {
      rig.kills += 1;
      await target.stop('SIGKILL');
      if (downMs > 0) await delay(downMs);
      await target.start(special);
    },
    async killServer(name: ServerName): Promise<void> {
      rig.kills += 1;
      up[name] = false;
      await system.kill(name);
    },
    async restartServer(name: ServerName): Promise<void> {
      await system.restart(name);
      up[name] = true;
    },
    /** Everything as it should be, by way of wires or not, whatever the last scenario left. */
    async settle(viaWires = wired): Promise<void> {
      for (const wire of Object.values(wires).flatMap((of) => Object.values(of))) wire.repair();
      for (const name of Object.keys(up) as ServerName[]) if (!up[name]) await rig.restartServer(name);
      if (viaWires !== wired) {
        wired = viaWires;
        await Promise.all([...api, ...worker].map((one) => one.stop('SIGTERM')));
      }
      await Promise.all(all.map((one) => (one.up() ? undefined : one.start())));
    },
  };
  return rig;
};

export type Rig = Awaited<ReturnType<typeof startRig>>;
