import { v7 as uuidv7 } from 'uuid';
import { expect, test } from 'vitest';
import { recordInteractions } from '../../jobs/record-interactions.ts';
import { hostileTexts } from '../../test/support/fuzz-values.ts';
import { setup } from '../../test/support/setup.ts';
import { interaction } from '../../test/support/shop.ts';
import { arrival, createDoor } from '../api/door.ts';
import type { FieldError } from '../api/problem.ts';
import { parseArray, quoteElement } from '../db/array-types.ts';
import type { StoredEvent } from './define-job.ts';
import { fromColumns, joinColumns, toColumns } from './event-columns.ts';
import { payloadHash } from './payload-hash.ts';

const texts = [
  ...hostileTexts.filter(
    (text) => text.length <= 100 && text.isWellFormed() && !/^$|\0|__proto__/.test(text),
  ),
  ...[
    'null',
    'NULL',
    'Null',
    '{}',
    '{a,b}',
    'a,b',
    ',',
    '"',
    '""',
    '\\"',
    ' a ',
    'a\nb',
    'web',
    '1.5',
    '+',
    '-',
  ],
];

const door = createDoor(recordInteractions, 'put');

/** What the door makes of them, the first with fewer fields than those after it. */
const events = texts.map((text, n) => {
  const {
    event_id: _,
    received_at: __,
    ...sent
  } = interaction({
    ...(n % 3 > 0 && { session_id: uuidv7(), platform: text }),
    ...(n % 4 > 2 && { device: { [text]: [text, null, { deep: true }] } }),
    ...(n % 5 > 3 && { created_at: '2026-03-01T10:00:00.000000Z', event_value: 4.5 }),
    ...(n % 7 > 5 && { occurred_at: '2026-03-02T10:00:00Z' }),
  });
  const errors: FieldError[] = [];
  const arrived = arrival(() => uuidv7(), String, Date.UTC(2026, 3, 1 + (n >> 3)));
  const event = door.admit(sent, 0, arrived, errors);
  if (!event) throw new Error(JSON.stringify(errors));
  return event;
});

const columnsOf = (some: typeof events) => {
  const columns = toColumns(recordInteractions, some);
  if (!columns) throw new Error('no columns');
  return columns;
};

test('events come out of their columns as they went in, with the hash that each has alone', () => {
  const stored = JSON.parse(JSON.stringify(columnsOf(events)));
  const out = fromColumns(stored);
  expect(out).toEqual({ events, hashes: events.map(payloadHash) });
  // Also where nobody carries the hash along: their fields are in the same order.
  expect(out.events.map(payloadHash)).toEqual(out.hashes);
});

test('PostgreSQL reads in them what the events say', async () => {
  const { db } = await setup();
  const { fields, hashes } = columnsOf(events);
  const rows = await db`
    select event_id, hash, platform, device
    from unnest(${fields.event_id}::uuid[], ${hashes}::bigint[], ${fields.platform}::varchar[],
      ${fields.device}::varchar[]) as given(event_id, hash, platform, device)`;
  expect(rows).toEqual(
    events.map((event) => ({
      event_id: event.event_id,
      hash: payloadHash(event),
      platform: event.platform ?? null,
      device: event.device === undefined ? null : JSON.stringify(event.device),
    })),
  );
});

test('columns of several jobs are one after another, whichever fields each has', () => {
  const parts = [events.slice(0, 1), events.slice(1, 20), events.slice(20)].map(columnsOf);
  const joined = joinColumns(parts);
  expect(joined).toEqual({ ...columnsOf(events), received: joined.received });
  expect(fromColumns(joined).events).toEqual(events);
  expect(joinColumns(parts.slice(0, 1))).toBe(parts[0]);
});

test('an id that is there twice, a field of another kind, and very long texts make no columns', () => {
  const [first] = events as [StoredEvent];
  for (const odd of [
    { event_id: events[3]?.event_id },
    { platform: 1 },
    { device: 'x' },
    { platform: '"'.repeat(3e6) },
  ])
    expect(
      toColumns(recordInteractions, [...events, { ...first, event_id: uuidv7(), ...odd } as StoredEvent]),
    ).toBeUndefined();
});

test('a text of millions of quotes is read back', () => {
  const long = '"\\'.repeat(2_000_000);
  expect(parseArray(`{a,${quoteElement(long)},NULL}`)).toEqual(['a', long, null]);
});
