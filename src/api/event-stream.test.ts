import { request as httpRequest } from 'node:http';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { v7 as uuidv7 } from 'uuid';
import { expect, test } from 'vitest';
import { eventually } from '../../test/support/eventually.ts';
import { setup } from '../../test/support/setup.ts';
import { OutageError } from '../errors.ts';
import type { Intake } from '../queue/intake.ts';
import { eventIds } from './event-id.ts';
import { takeLines } from './event-stream.ts';

const caller = { seal: (secret: string) => secret, isAdmin: false };

const line = (fields: Record<string, unknown> = {}) =>
  `${JSON.stringify({ type: 'interaction', user_id: uuidv7(), product_id: uuidv7(), event_type: 'view', ...fields })}\n`;
const ndjson = { 'content-type': 'application/x-ndjson' };

const start = async () => {
  const system = await setup();
  const { url, keys } = await system.startApi();
  const headers = { authorization: `Bearer ${keys.write}`, ...ndjson };
  const send = async (body: string | Buffer, more: Record<string, string> = {}) => {
    const answer = await fetch(`${url}/v1/events`, {
      method: 'POST',
      body,
      headers: { ...headers, ...more },
    });
    return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
  };
  return { ...system, url, headers, send };
};

test('takes the good lines and lists the bad ones by number and field', async () => {
  const { send, account } = await start();
  const lines = Array.from({ length: 997 }, () => line());
  lines.splice(
    10,
    0,
    '\n',
    'no json\n',
    line({ event_value: '1e400' }),
    line({ type: 'nothing' }),
    '[1]\r\n',
  );
  const { status, body } = await send(lines.join(''));
  expect(status).toBe(202);
  expect(body).toMatchObject({ accepted: 997, rejected: 4 });
  expect(
    (body.errors as { line: number; path: string }[]).map(({ line: number, path }) => [number, path]),
  ).toEqual([
    [12, ''],
    [13, '/event_value'],
    [14, '/type'],
    [15, ''],
  ]);
  expect(await account.totals()).toMatchObject({ accepted: 997 });
});

test('is a 400 with the same report only when no line was good', async () => {
  const { send } = await start();
  expect(await send(line({ user_id: 1 }).repeat(150))).toMatchObject({
    status: 400,
    body: { status: 400, accepted: 0, rejected: 150, errors: expect.objectContaining({ length: 100 }) },
  });
  expect(await send('')).toMatchObject({ status: 400, body: { accepted: 0, rejected: 0 } });
  expect(await send(`${line({ user_id: 1 })}${line()}`)).toMatchObject({ status: 202 });
});

test('reads gzip, and keeps what came before the stream broke', async () => {
  const { send } = await start();
  const packed = gzipSync(line().repeat(2_000));
  expect(await send(packed, { 'content-encoding': 'gzip' })).toMatchObject({
    status: 202,
    body: { accepted: 2_000 },
  });
  const broken = await send(packed.subarray(0, packed.length - 10), { 'content-encoding': 'gzip' });
  expect(broken).toMatchObject({ status: 202, body: { rejected: 1 } });
  expect(broken.body.accepted).toBeGreaterThan(0);
  expect(await send('not gzip', { 'content-encoding': 'gzip' })).toMatchObject({ status: 400 });
});

test('what was taken of a stream that is cut off stays taken', async () => {
  const { url, headers, account } = await start();
  const cut = httpRequest(`${url}/v1/events`, { method: 'POST', headers });
  cut.on('error', () => {});
  cut.write(`${line() + line()}{"type":"inter`);
  await eventually(async () => expect((await account.totals()).accepted).toBe(2));
  cut.destroy();
  const again = httpRequest(`${url}/v1/events`, { method: 'POST', headers });
  const answered = new Promise<number | undefined>((resolve) => {
    again.on('response', (response) => resolve(response.resume().statusCode));
  });
  again.end(line());
  expect(await answered).toBe(202);
  expect((await account.totals()).accepted).toBe(3);
});

const idsTaken = async (body: string, chunkSize: number): Promise<string[]> => {
  const ids: string[] = [];
  const intake: Pick<Intake, 'take'> = {
    async take(_, events) {
      for (const { event_id } of events) ids.push(event_id);
    },
  };
  const chunks = Array.from({ length: Math.ceil(body.length / chunkSize) }, (_, at) =>
    Buffer.from(body.slice(at * chunkSize, (at + 1) * chunkSize)),
  );
  await takeLines(Readable.from(chunks), intake, { ...caller, eventId: eventIds('shop', 'key') });
  return ids;
};

test('under an Idempotency-Key the ids depend on the line numbers alone, not on how the stream was cut', async () => {
  const body = `${line()}\n${line({ user_id: 0 })}${line()}`;
  const expected = [eventIds('shop', 'key')(0), eventIds('shop', 'key')(3)];
  for (const size of [1, 50, 10_000]) expect(await idsTaken(body, size)).toEqual(expected);
});

test('reads no further than a bounded number of events ahead of the queue, and stops when it refuses', async () => {
  let waiting = 0;
  let most = 0;
  let taken = 0;
  let produced = 0;
  const intake: Pick<Intake, 'take'> = {
    async take(_, events) {
      waiting += events.length;
      most = Math.max(most, waiting);
      await new Promise((resolve) => setImmediate(resolve));
      waiting -= events.length;
      if (taken + events.length > 10_000) throw new OutageError('full');
      taken += events.length;
    },
  };
  const endless = async function* () {
    for (;;) {
      produced += 300;
      yield Buffer.from(line().repeat(300));
    }
  };
  const { accepted, stopped } = await takeLines(endless(), intake, {
    ...caller,
    eventId: eventIds('shop', undefined),
  });
  expect(stopped).toBeInstanceOf(OutageError);
  expect(accepted).toBe(taken);
  expect(accepted).toBeGreaterThan(9_000);
  expect(most).toBeLessThanOrEqual(2_500);
  expect(produced).toBeLessThan(13_000);
});

test('answers 503 with what is durable when the queue stops taking events midway', async () => {
  const { url, headers, producer, account } = await start();
  let pushed = 0;
  let refused = false;
  const source = new Readable({
    async read() {
      pushed += 1;
      if (pushed === 3) {
        await eventually(async () => expect((await account.totals()).accepted).toBe(2));
        producer.redis.disconnect();
        refused = true;
      }
      this.push(pushed > 10 ? null : line());
    },
  });
  const outgoing = httpRequest(`${url}/v1/events`, { method: 'POST', headers });
  const answer = new Promise<{ status: number | undefined; retry: unknown; body: string }>((resolve) => {
    outgoing.on('response', async (response) => {
      let body = '';
      for await (const chunk of response.setEncoding('utf8')) body += chunk;
      resolve({ status: response.statusCode, retry: response.headers['retry-after'], body });
    });
  });
  source.pipe(outgoing);
  const { status, retry, body } = await answer;
  expect(refused).toBe(true);
  expect({ status, retry }).toEqual({ status: 503, retry: '1' });
  expect(JSON.parse(body)).toMatchObject({ status: 503, accepted: 2, rejected: 0, errors: [] });
});
