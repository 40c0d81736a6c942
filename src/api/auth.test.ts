import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { v7 as uuidv7 } from 'uuid';
import { expect, onTestFinished, test } from 'vitest';
import { createDatabase } from '../../test/support/database.ts';
import { eventually } from '../../test/support/eventually.ts';
import { setup } from '../../test/support/setup.ts';
import { interaction } from '../../test/support/shop.ts';

/** A database reached by a way that can be cut. */
const cuttableDatabase = async () => {
  const database = await createDatabase({ template: 'migrated' });
  const target = new URL(database.url);
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect(Number(target.port), target.hostname);
    near.pipe(far).pipe(near);
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('error', () => {}).on('close', () => sockets.delete(socket));
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const cut = () => {
    server.close();
    for (const socket of sockets) socket.destroy();
  };
  onTestFinished(async () => {
    cut();
    await database.drop();
  });
  const way = new URL(database.url);
  way.port = String(port);
  return { url: way.href, cut, mend: () => server.listen(port, '127.0.0.1') };
};

test('while PostgreSQL is away intake goes on under known keys; what needs it is 503, never a 401 for a key that may exist', async () => {
  const database = await cuttableDatabase();
  const { startApi, account } = await setup({ DATABASE_URL: database.url });
  const { url, keys } = await startApi();
  const ask = async (key: string, path: string, body?: object) => {
    const answer = await fetch(url + path, {
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      ...(body && { method: 'POST', body: JSON.stringify(body) }),
    });
    const problem = (await answer.json()) as { detail?: string };
    return { status: answer.status, retry: answer.headers.get('retry-after'), detail: problem.detail };
  };
  const { event_id: _, received_at: __, ...body } = interaction();
  expect(await ask(keys.write, '/v1/interactions', body)).toMatchObject({ status: 202 });

  database.cut();
  expect(await ask(keys.write, '/v1/interactions', body)).toMatchObject({ status: 202 });
  expect((await account.totals()).accepted).toBe(2);
  expect(await ask(keys.read, `/v1/events/${uuidv7()}`)).toMatchObject({ status: 503, retry: '1' });
  await eventually(async () =>
    expect(await ask('zyra_unknown', '/v1/interactions', body)).toMatchObject({ status: 503 }),
  );
  const metrics = await fetch(`${url}/metrics`, { headers: { authorization: `Bearer ${keys.admin}` } });
  expect(metrics.status).toBe(200);
  expect(await metrics.text()).toContain('zyra_postgres_up 0');
  expect(await (await fetch(`${url}/readyz`)).json()).toMatchObject({ ready: false, postgresql: 'down' });

  database.mend();
  await eventually(async () =>
    expect(await ask('zyra_unknown', '/v1/interactions', body)).toMatchObject({ status: 401 }),
  );
  await eventually(async () => expect((await fetch(`${url}/readyz`)).status).toBe(200));
});
