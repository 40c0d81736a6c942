import { v7 as uuidv7 } from 'uuid';
import { expect, test } from 'vitest';
import { createClient } from '../support/client.ts';
import { drain } from '../support/drain.ts';
import { hostileTexts } from '../support/fuzz-values.ts';
import { setup } from '../support/setup.ts';

const injections = [
  ...[
    "' or '1'='1",
    "'; drop table users; --",
    "' union select password_hash from users --",
    "') or 1=1 --",
    "'||(select version())||'",
  ],
  ...[
    "'; select pg_sleep(10); --",
    '1; update users set is_active=false',
    "'::regclass",
    "E'\\x27 or 1=1'",
    "\\'; --",
    '$$; drop table users; $$',
  ],
  ...[
    '$1',
    '$2::text',
    ':name',
    '?',
    '%s',
    '%27%20or%201=1',
    "admin'--",
    "' /*",
    '*/ or 1=1 /*',
    '"; drop table users; --',
    '`',
    '{"$gt": ""}',
  ],
  ...[
    "->>'password_hash'",
    '$.**',
    "' #>> '{a,b}",
    'created_at desc; --',
    'price asc nulls last',
    '(select 1)',
    'case when 1=1 then 1 end',
  ],
  ...[
    '%',
    '_',
    '%%',
    '\\%',
    '%_%',
    "' like '%",
    'a & b',
    'a | b',
    '!a',
    'a:*',
    "'a' <-> 'b'",
    '(((',
    '\\',
    "to_tsquery('x')",
  ],
];
const dress: ((text: string) => string)[] = [
  (text) => text,
  (text) => `red ${text}`,
  (text) => `${text} shoes`,
  (text) => text.toUpperCase(),
  (text) => `'${text}`,
  (text) => `"${text}"`,
  (text) => `\\${text}`,
  (text) => `${text};--`,
  (text) => `1) ${text}`,
  (text) => `x' ${text} 'x`,
  (text) => `${text}\n${text}`,
  (text) => text.replaceAll("'", '\u2019'),
];

/** Texts that have meant something else to somebody, and Unicode that has been one thing here and another there. */
const corpus = [
  ...new Set([
    ...injections.flatMap((text) => dress.map((worn) => worn(text))),
    ...hostileTexts.filter(
      (text) => text !== '' && text.length <= 100 && text.isWellFormed() && !text.includes('\0'),
    ),
    ...[
      '\u202egnp.exe',
      'ﬁ',
      'ﬀ',
      'K',
      'K',
      'Å',
      'Å',
      '👩‍👩‍👧‍👦',
      '\u{10ffff}',
      '\u200b',
      '\ufffe',
      'ẞ',
      'ß',
      '١٢٣',
    ],
  ]),
].filter((text) => text.trim() !== '' && text !== '__proto__');

test('what callers write means what it says, in every field, search, sort and filter', async () => {
  expect(corpus.length).toBeGreaterThan(500);
  const system = await setup();
  const { url, keys } = await system.startApi();
  const api = createClient(url, keys.admin);
  const written = corpus.map((text) => ({ text, id: uuidv7() }));
  const lines = written.flatMap(({ text, id }) => [
    {
      ...{
        type: 'product',
        product_id: id,
        name: text,
        short_description: text,
        long_description: text,
        brand: text,
      },
      ...{
        sku: `${text} ${id}`.slice(0, 100),
        tags: [text, 'x'],
        metadata_json: { [text]: text, nested: [{ [text]: [text] }] },
      },
    },
    { type: 'review', user_id: id, product_id: id, rating: 3, title: text, comment: text },
    {
      type: 'user',
      user_id: id,
      username: `${text} ${id}`,
      email: `${text}@${id}`,
      profile: { [text]: text },
    },
    {
      type: 'interaction',
      user_id: id,
      product_id: id,
      event_type: 'view',
      platform: text.slice(0, 50),
      device: { [text]: text },
    },
    { type: 'image', product_id: id, image_id: id, s3_key: text, alt_text: text, cdn_url: text },
    {
      type: 'purchase',
      user_id: id,
      items: [{ product_id: id, unit_price: 1 }],
      payment_method: text.slice(0, 100),
    },
    { type: 'session', session_id: id, context: { [text]: text } },
  ]);
  const before = Object.getOwnPropertyNames(Object.prototype);
  const taken = await api.ndjson(lines);
  expect({ status: taken.status, ...taken.json }).toEqual({
    status: 202,
    accepted: lines.length,
    rejected: 0,
    errors: [],
  });
  system.startWorkers();
  await drain(system, 120_000);
  expect(await system.db`select job, reason, detail from parked_events limit 3`).toEqual([]);

  const ids = written.map(({ id }) => id);
  const rows = await system.db<Record<string, unknown>>`
    select p.product_id as id, p.name, p.short_description, p.long_description, p.brand, p.sku, p.tags, p.metadata_json,
      r.title, r.comment, u.username, u.email, u.profile, i.platform, i.device, g.s3_key, g.alt_text, g.cdn_url,
      h.payment_method, s.context
    from unnest(${ids}::uuid[]) with ordinality as wanted(id, place)
    join products p on p.product_id = wanted.id join reviews r on r.user_id = wanted.id join users u on u.user_id = wanted.id
    join interactions i on i.user_id = wanted.id join product_images g on g.image_id = wanted.id
    join purchase_history h on h.user_id = wanted.id join sessions s on s.session_id = wanted.id
    order by place`;
  expect(rows.length).toBe(written.length);
  for (const [at, row] of rows.entries()) {
    const { text, id } = written[at] as { text: string; id: string };
    const own = { [text]: text };
    expect(row).toEqual({
      ...{
        id,
        name: text,
        short_description: text,
        long_description: text,
        brand: text,
        sku: `${text} ${id}`.slice(0, 100),
      },
      ...{
        tags: [text, 'x'],
        metadata_json: { ...own, nested: [{ [text]: [text] }] },
        title: text,
        comment: text,
      },
      ...{
        username: `${text} ${id}`,
        email: `${text}@${id}`,
        profile: own,
        platform: text.slice(0, 50),
        device: own,
      },
      ...{ s3_key: text, alt_text: text, cdn_url: text, payment_method: text.slice(0, 100), context: own },
    });
  }

  const [product] = ids;
  const statuses = new Map<number, number>();
  // Each way of reading takes a seventh of the corpus in turn: reading has one code for all of it.
  const asked = corpus.flatMap((text, at) => {
    const q = encodeURIComponent(text);
    return [
      `/v1/search?q=${q}`,
      `/v1/popular?category=${q}`,
      `/v1/products/${product}/reviews?sort=${q}`,
      `/v1/products/${product}/reviews?cursor=${Buffer.from(JSON.stringify([text, 1, text, text])).toString('base64url')}`,
      `/v1/admin/failed?job=${q.slice(0, 90)}&reason=${q.slice(0, 90)}`,
      `/v1/admin/audit?component=${q.slice(0, 90)}`,
      `/v1/users/${q}/history`,
    ].filter((_, way) => way === 0 || way === at % 7);
  });
  const work = async () => {
    for (let path = asked.pop(); path !== undefined; path = asked.pop()) {
      const { status } = await api.get(path);
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
      if (status >= 500) expect.fail(`${status} ${path}`);
    }
  };
  await Promise.all([work(), work(), work(), work()]);
  expect([...statuses.keys()].sort()).toEqual([200, 400, 404]);
  const [left] = await system.db`
    select (select count(*) from users where is_active)::integer as users, (select count(*) from products)::integer as products`;
  expect(left).toEqual({ users: written.length, products: written.length });
  expect(Object.getOwnPropertyNames(Object.prototype)).toEqual(before);
}, 240_000);

test('no body, query or key of a map reaches the prototype of objects', async () => {
  const system = await setup();
  const { url, keys } = await system.startApi();
  system.startWorkers();
  const api = createClient(url, keys.admin);
  const before = Object.getOwnPropertyNames(Object.prototype);
  const names = [
    '__proto__',
    'constructor',
    'prototype',
    '__proto__.polluted',
    'constructor.prototype.polluted',
    'constructor[prototype]',
  ];
  const values = [
    '{"polluted":1}',
    '{"prototype":{"polluted":1}}',
    '[{"__proto__":{"polluted":1}}]',
    '{"__proto__":{"__proto__":{"polluted":1}}}',
    '"polluted"',
  ];
  let sent = 0;
  let underWay: Promise<void>[] = [];
  const send = async (answer: Promise<{ status: number }>) => {
    sent += 1;
    underWay.push(answer.then(({ status }) => expect(status).toBeLessThan(500)));
    if (underWay.length < 16) return;
    await Promise.all(underWay);
    underWay = [];
  };
  for (const name of names) {
    for (const value of values) {
      const evil = `"${name}":${value}`;
      const bodies = [
        `{${evil}}`,
        `[{${evil}}]`,
        `{"name":"x","metadata_json":{${evil}}}`,
        `{"name":"x","metadata_json":{"a":[{${evil}}]},${evil}}`,
      ];
      for (const body of bodies) {
        for (const [method, path] of [
          ['PUT', `/v1/products/${uuidv7()}`],
          ['POST', '/v1/interactions'],
          ['PUT', `/v1/users/${uuidv7()}`],
          ['PUT', '/v1/experiments/x'],
          ['POST', '/v1/admin/failed/replay'],
          ['PUT', `/v1/categories/${encodeURIComponent(name)}`],
        ] as const)
          await send(api.call(method, path, body));
      }
      const query = `${encodeURIComponent(name)}=1&${encodeURIComponent(name)}[polluted]=1&limit[__proto__][polluted]=1`;
      for (const path of [
        '/v1/admin/failed',
        '/v1/popular',
        '/v1/search',
        `/v1/users/${uuidv7()}/recommendations`,
        '/v1/admin/audit',
        '/docs/',
        '/admin/queues/api/queues',
      ])
        await send(api.get(`${path}?${query}`));
      await send(
        api.ndjson([
          JSON.parse(`{"type":"product","product_id":"${uuidv7()}","name":"x","metadata_json":{${evil}}}`),
          { type: name },
          { type: 'product', op: name },
        ]),
      );
      await send(api.post('/v1/admin/failed/replay', `{"all":true,"patch":{${evil}}}`));
    }
  }
  await Promise.all(underWay);
  expect(sent).toBeGreaterThanOrEqual(990);
  await drain(system);
  expect(await system.db`select job, reason, detail from parked_events limit 3`).toEqual([]);
  // Refused, not dropped without a word.
  for (const device of ['{"__proto__":1}', '{"a":[{"__proto__":{}}]}'])
    expect((await api.call('PUT', `/v1/sessions/${uuidv7()}`, `{"context":${device}}`)).status).toBe(400);
  expect(Object.getOwnPropertyNames(Object.prototype)).toEqual(before);
  expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
}, 120_000);
