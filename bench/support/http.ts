import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/** The octets of a request: made once and sent as often as wanted, so that making them is not what is measured. */
export const requestOf = (
  method: string,
  path: string,
  headers: Readonly<Record<string, string>>,
  body?: string,
): Buffer => {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  const length = body === undefined ? '' : `Content-Length: ${Buffer.byteLength(body)}\r\n`;
  return Buffer.from(
    `${method} ${path} HTTP/1.1\r\nHost: bench\r\n${lines.join('')}${length}\r\n${body ?? ''}`,
  );
};

interface Connection {
  /** Send a request once the last one is answered. @returns whether it was taken. @throws when it is neither 2xx nor 503. */
  ask(request: Buffer): Promise<boolean>;
  close(): void;
}

/** How long a caller who was answered 503 waits before it asks again. */
const pauseMs = 200;

/**
 * One kept-alive connection that reads no more of an answer than it must: `fetch` takes longer for a request than a
 * server for its answer, and both share two cores.
 */
const openConnection = async (port: number): Promise<Connection> => {
  const socket: Socket = connect({ port, host: '127.0.0.1', noDelay: true });
  let head: Buffer | undefined;
  let left = -1;
  let taken = false;
  let settle: { resolve: (taken: boolean) => void; reject: (error: Error) => void } | undefined;
  const end = (error?: Error) => {
    const waiting = settle;
    settle = undefined;
    head = undefined;
    left = -1;
    if (error) waiting?.reject(error);
    else waiting?.resolve(taken);
  };
  socket.on('data', (chunk: Buffer) => {
    if (left >= 0) left -= chunk.length;
    else {
      head = head ? Buffer.concat([head, chunk]) : chunk;
      const at = head.indexOf('\r\n\r\n');
      if (at < 0) return;
      const text = head.toString('latin1', 0, at);
      const length = /content-length: (\d+)/i.exec(text)?.[1];
      taken = text.startsWith('HTTP/1.1 2');
      if (!(taken || text.startsWith('HTTP/1.1 503')) || length === undefined) {
        end(new Error(`answered ${head.toString('latin1').slice(0, 500)}`));
        socket.destroy();
        return;
      }
      left = Number(length) - (head.length - at - 4);
    }
    if (left === 0) end();
  });
  socket.on('error', end);
  socket.on('close', () => end(new Error('the connection was closed')));
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('error', reject);
  });
  return {
    ask(request) {
      return new Promise((resolve, reject) => {
        settle = { resolve, reject };
        socket.write(request);
      });
    },
    close: () => socket.destroy(),
  };
};

const withConnections = async <T>(
  port: number,
  count: number,
  work: (connections: Connection[]) => Promise<T>,
): Promise<T> => {
  const connections = await Promise.all(Array.from({ length: count }, () => openConnection(port)));
  try {
    return await work(connections);
  } finally {
    for (const connection of connections) connection.close();
  }
};

/** Ask until it is taken. @returns how often it was refused before. */
const insist = async ({ ask }: Connection, request: Buffer): Promise<number> => {
  for (let refused = 0; ; refused += 1) {
    if (await ask(request)) return refused;
    await delay(pauseMs);
  }
};

interface Pressure {
  port: number;
  connections: number;
  /** What to send next. */
  next: () => Buffer;
  /** How many. */
  requests: number;
  /** Told of each that was taken, at once. */
  onTaken?: (request: Buffer) => void;
}

export interface Pressed {
  seconds: number;
  /** Of each request, in milliseconds, until it was taken. */
  took: number[];
  /** Answers 503. */
  refused: number;
}

const drive = (
  { port, connections, next, requests, onTaken }: Pressure,
  /** When request `n` may go out. */
  dueAt: (n: number, began: number) => number | undefined,
): Promise<Pressed> =>
  withConnections(port, connections, async (open) => {
    const took: number[] = [];
    let sent = 0;
    let refused = 0;
    const began = performance.now();
    await Promise.all(
      open.map(async (connection) => {
        while (sent < requests) {
          const due = dueAt(sent++, began) ?? performance.now();
          const early = due - performance.now();
          if (early > 0) await delay(early);
          const request = next();
          refused += await insist(connection, request);
          onTaken?.(request);
          took.push(performance.now() - due);
        }
      }),
    );
    return { seconds: (performance.now() - began) / 1_000, took, refused };
  });

/** Send the next request over each connection as soon as the last one is answered. */
export const press = (pressure: Pressure): Promise<Pressed> => drive(pressure, () => undefined);

/**
 * Send requests at a steady rate whatever becomes of the last ones. Times count from when a request was due, so one that
 * waits for a slow one before it counts as slow, too.
 */
export const offer = (pressure: Pressure, perSecond: number): Promise<Pressed> =>
  drive(pressure, (n, began) => began + (1_000 * n) / perSecond);
