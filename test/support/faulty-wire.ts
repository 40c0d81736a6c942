import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

interface Pair {
  near: Socket;
  far: Socket;
  dead: boolean;
}

/**
 * A wire to a server on this machine that can fail as networks do. Whoever asked for it calls `close`.
 * `url` is the server's address by way of the wire.
 */
export const stretchWire = async (to: string) => {
  const address = new URL(to);
  const target = { port: Number(address.port), host: address.hostname, noDelay: true };
  const pairs = new Set<Pair>();
  let delayMs = 0;
  let bytesPerSecond = Number.POSITIVE_INFINITY;
  let held = false;
  let repliesToCut = 0;

  const both = (pair: Pair, act: (socket: Socket) => void) => {
    act(pair.near);
    act(pair.far);
  };
  const end = (pair: Pair) => {
    pairs.delete(pair);
    both(pair, (socket) => socket.destroy());
  };

  const carry = (pair: Pair, from: Socket, into: Socket, isReply: boolean) => {
    // In order: nothing overtakes what was delayed before it.
    const underWay: { due: number; octets: Buffer }[] = [];
    let due = 0;
    let timer: NodeJS.Timeout | undefined;
    const deliver = () => {
      timer = undefined;
      while (underWay[0] && underWay[0].due <= performance.now()) {
        const { octets } = underWay.shift() as { octets: Buffer };
        if (!pair.dead && into.writable) into.write(octets);
      }
      if (underWay.length < 16 && !held && from.isPaused()) from.resume();
      if (underWay[0]) timer ??= setTimeout(deliver, Math.max(1, underWay[0].due - performance.now()));
    };
    from.on('data', (octets: Buffer) => {
      if (pair.dead) return;
      if (isReply && repliesToCut > 0) {
        repliesToCut -= 1;
        both(pair, (socket) => socket.resetAndDestroy());
        return;
      }
      due = Math.max(due, performance.now() + delayMs) + (1_000 * octets.length) / bytesPerSecond;
      underWay.push({ due, octets });
      if (underWay.length > 64) from.pause();
      if (timer === undefined) deliver();
    });
    // A reset is an end like any other here.
    from.on('error', () => {});
    from.on('close', () => {
      if (!pair.dead) end(pair);
    });
  };

  const server = createServer({ noDelay: true });
  server.on('connection', (near) => {
    const pair = { near, far: connect(target), dead: false };
    pairs.add(pair);
    carry(pair, near, pair.far, false);
    carry(pair, pair.far, near, true);
    if (held) both(pair, (socket) => socket.pause());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  address.port = String((server.address() as AddressInfo).port);

  return {
    url: address.href,
    /** What is connected now hears nothing any more, not even an end; new connections are as good as ever. */
    silence(): void {
      for (const pair of pairs) pair.dead = true;
    },
    /** Cut what is connected now, with a reset or politely; new connections are as good as ever. */
    cut(how: 'reset' | 'end'): void {
      for (const pair of [...pairs]) {
        if (how === 'reset') both(pair, (socket) => socket.resetAndDestroy());
        else both(pair, (socket) => socket.end());
      }
    },
    /** The next `count` replies are cut off together with their connections: what they answer has happened. */
    cutReplies(count: number): void {
      repliesToCut = count;
    },
    /** Swallow everything, of new connections too, until `release`; what TCP would send again arrives then. */
    hold(): void {
      held = true;
      for (const pair of pairs) both(pair, (socket) => socket.pause());
    },
    release(): void {
      held = false;
      for (const pair of pairs) both(pair, (socket) => socket.resume());
    },
    /** Everything takes this much longer each way. */
    delay(ms: number): void {
      delayMs = ms;
    },
    /** No more than this passes each way on each connection. */
    throttle(perSecond: number): void {
      bytesPerSecond = perSecond;
    },
    /** As good as new, for what comes now. */
    repair(): void {
      delayMs = 0;
      bytesPerSecond = Number.POSITIVE_INFINITY;
      repliesToCut = 0;
      if (held) this.release();
    },
    async close(): Promise<void> {
      for (const pair of [...pairs]) {
        pair.dead = true;
        end(pair);
      }
      server.close();
      await once(server, 'close');
    },
  };
};

export type Wire = Awaited<ReturnType<typeof stretchWire>>;
