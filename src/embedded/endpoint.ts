import { randomBytes, randomInt } from 'node:crypto';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

/** Whether a server could listen there now. */
export const portIsFree = (port: number, host = '127.0.0.1'): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(true)));
  });

/**
 * A free port of the loopback interface. Not the system's choice (port 0): that lies in the range of outgoing
 * connections, where, while a server is down, a client's own connection may take its port, even connect to itself.
 */
export const findFreePort = async (): Promise<number> => {
  while (true) {
    const port = randomInt(15_000, 32_000);
    if (await portIsFree(port)) return port;
  }
};

export interface Endpoint {
  port: number;
  password: string;
}

interface Wish {
  port?: number | undefined;
  /** Refuse another port than the one asked for. */
  exactPort?: boolean | undefined;
}

/** So long what a killed server has just begun may hold its port: a backend that had no time to let go of it. */
const lingerMs = 10_000;

/**
 * Where a server with its files in `dir` listens and what opens it: as last time, so that clients find it again, unless
 * that port is taken by now. Kept in `endpoint.json`, readable by its owner only.
 * @throws when `exactPort` is taken.
 */
export const settleEndpoint = async (dir: string, { port, exactPort }: Wish): Promise<Endpoint> => {
  const file = join(dir, 'endpoint.json');
  const before: Partial<Endpoint> = JSON.parse(await readFile(file, 'utf8').catch(() => '{}'));
  const wanted = port ?? before.port;
  const deadline = performance.now() + (exactPort ? lingerMs : 0);
  let free = wanted !== undefined && (await portIsFree(wanted));
  while (!free && wanted !== undefined && performance.now() < deadline) {
    await pause(100);
    free = await portIsFree(wanted);
  }
  if (exactPort && !free) throw new Error(`port ${wanted} is taken`);
  const endpoint = {
    port: free && wanted !== undefined ? wanted : await findFreePort(),
    password: before.password ?? randomBytes(24).toString('hex'),
  };
  await writeFile(`${file}.new`, JSON.stringify(endpoint), { mode: 0o600 });
  await rename(`${file}.new`, file);
  return endpoint;
};
