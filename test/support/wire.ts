import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

/**
 * A wire to a server on this machine that can fail as networks do. Ends with the test.
 * @returns `url`, the server's address by way of the wire.
 */
export const layWire = async (to: string) => {
  const address = new URL(to);
  const target = { port: Number(address.port), host: address.hostname, noDelay: true };
  const server = createServer({ noDelay: true });
  const pairs = new Set<{ near: Socket; far: Socket; dead: boolean }>();
  server.on('connection', (near) => {
    const far = connect(target);
    const pair = { near, far, dead: false };
    pairs.add(pair);
    const ended = () => {
      if (pair.dead) return;
      pairs.delete(pair);
      near.destroy();
      far.destroy();
    };
    for (const [from, into] of [[near, far] as const, [far, near] as const]) {
      from.on('data', (octets) => pair.dead || into.write(octets));
      // A reset is an end like any other here.
      from.on('error', () => {});
      from.on('close', ended);
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(async () => {
    for (const { near, far } of pairs) {
      near.destroy();
      far.destroy();
    }
    server.close();
    await once(server, 'close');
  });
  address.port = String((server.address() as AddressInfo).port);
  return {
    url: address.href,
    /** What is connected now hears nothing any more, not even an end; new connections are as good as ever. */
    silence(): void {
      for (const pair of pairs) pair.dead = true;
    },
  };
};
