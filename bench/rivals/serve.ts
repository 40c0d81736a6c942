import { once } from 'node:events';
import type { Express } from 'express';

/** Serve an app until SIGTERM, as the benchmark's other processes are: they say `ready` to who started them. */
export const serve = async (app: Express, port: number): Promise<never> => {
  const server = app.listen(port, '127.0.0.1');
  // As ours: on a busy machine a caller may well think for the five seconds after which Node closes.
  server.keepAliveTimeout = 65_000;
  await once(server, 'listening');
  process.send?.('ready');
  await once(process, 'SIGTERM');
  process.exit(0);
};
