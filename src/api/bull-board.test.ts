import { expect, test } from 'vitest';
import { recordInteractions } from '../../jobs/record-interactions.ts';
import { setup } from '../../test/support/setup.ts';
import { interaction } from '../../test/support/shop.ts';
import { queueNames } from '../queue/queues.ts';

const start = async (env: Record<string, string> = {}) => {
  const system = await setup(env);
  const { url, keys } = await system.startApi();
  const login = (key: string) => ({ authorization: `Basic ${btoa(`whoever:${key}`)}` });
  const jobId = await system.producer.enqueue(recordInteractions, {
    events: [
      interaction({
        device: { os: 'secret os' },
        email: 'asha@example.in',
        platform: '<script>alert(1)</script>',
      }),
    ],
  });
  const board = `${url}/admin/queues`;
  return { ...system, url, board, jobId, keys, login, headers: login(keys.admin) };
};

test('a browser logs in with an admin key as password, and with no other', async () => {
  const { board, headers, login, keys } = await start();
  for (const wrong of [
    login(keys.read),
    login('nonsense'),
    { authorization: 'Basic !!!' },
    { authorization: 'Basic' },
  ]) {
    const answer = await fetch(board, { headers: wrong });
    expect(answer.status).toBe(401);
    expect(answer.headers.get('www-authenticate')).toMatch(/^Basic /);
  }
  const page = await fetch(board, { headers });
  expect(page.status).toBe(200);
  expect(page.headers.get('x-powered-by')).toBeNull();
  const html = await page.text();
  for (const [, file] of html.matchAll(/<script defer src="([^"]+)"/g)) {
    expect((await fetch(`${board}/${file}`, { headers })).status).toBe(200);
  }
  expect((await fetch(board, { headers: { authorization: `Bearer ${keys.admin}` } })).status).toBe(200);
  expect((await fetch(board, { headers: { authorization: `Bearer ${keys.read}` } })).status).toBe(403);
});

test('lists every queue and shows a job with its personal fields masked', async () => {
  const { board, headers, jobId } = await start();
  const listed = await fetch(`${board}/api/queues?activeQueue=interactions&page=1&jobsPerPage=10`, {
    headers,
  });
  const list = await listed.text();
  expect((JSON.parse(list) as { queues: { name: string }[] }).queues.map(({ name }) => name)).toEqual(
    queueNames,
  );
  const one = await fetch(`${board}/api/queues/interactions/${jobId}`, { headers });
  expect(one.status).toBe(200);
  // Markup in a payload stays JSON text, never a page.
  expect(one.headers.get('content-type')).toMatch(/^application\/json/);
  for (const text of [list, await one.text()]) {
    expect(text).toContain('"device":"[masked]"');
    expect(text).not.toContain('secret os');
    expect(text).not.toContain('asha@example.in');
  }
});

test('a change must come from the page itself, and never writes masked data back', async () => {
  const { board, headers, jobId, producer } = await start();
  const change = async (path: string, more: Record<string, string>, method = 'PUT') =>
    (await fetch(`${board}/api/queues/interactions/${path}`, { method, headers: { ...headers, ...more } }))
      .status;
  const same = { origin: new URL(board).origin };
  expect(await change('pause', {})).toBe(403);
  expect(await change('pause', { origin: 'https://evil.example' })).toBe(403);
  expect(await change('pause', { ...same, 'sec-fetch-site': 'cross-site' })).toBe(403);
  expect(await change(`${jobId}/update-data`, same, 'PATCH')).toBe(403);
  expect(await change('add', same, 'POST')).toBe(403);
  expect(await producer.queues.get('interactions')?.isPaused()).toBe(false);
  expect(await change('pause', same)).toBe(200);
  expect(await producer.queues.get('interactions')?.isPaused()).toBe(true);
});

test('only shows in production', async () => {
  const { board, headers, producer } = await start({ NODE_ENV: 'production', ALLOW_UNSAFE_REDIS: 'true' });
  const answer = await fetch(`${board}/api/queues/interactions/empty`, {
    method: 'PUT',
    headers: { ...headers, origin: new URL(board).origin },
  });
  expect(answer.status).toBe(405);
  expect(await producer.queues.get('interactions')?.getWaitingCount()).toBe(1);
});

test('broken requests are the caller’s fault, and with Redis away it says so without details', async () => {
  const { board, headers, producer } = await start();
  for (const path of ['queues?page=x', 'queues/none/1', 'queues/interactions/none', 'queues/%E0%A4%A/1']) {
    const { status } = await fetch(`${board}/api/${path}`, { headers });
    expect(status, path).toBeGreaterThanOrEqual(400);
    expect(status, path).toBeLessThan(500);
  }
  producer.redis.disconnect();
  const away = await fetch(`${board}/api/queues?page=1`, { headers });
  expect(away.status).toBe(503);
  expect(away.headers.get('retry-after')).toBe('1');
});

test('the API page needs no key and runs no inline script', async () => {
  const { url } = await start();
  const page = await fetch(`${url}/docs`);
  const html = await page.text();
  expect(page.status).toBe(200);
  expect(html).not.toMatch(/<script>|<script [^>]*>[^<]/);
  for (const [, file] of html.matchAll(/(?:src|href)="([^"]+)"/g)) {
    expect((await fetch(url + file)).status, file).toBe(200);
  }
  expect((await fetch(`${url}/docs/package.json`)).status).toBe(404);
  expect((await fetch(`${url}/docs/..%2f..%2fpackage.json`)).status).toBe(404);
  const description = (await (await fetch(`${url}/openapi.json`)).json()) as { paths: object };
  expect(Object.keys(description.paths)).toContain('/openapi.json');
});
