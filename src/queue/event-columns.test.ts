import { expect, test } from 'vitest';
import { hostileTexts } from '../../test/support/fuzz-values.ts';
import { setup } from '../../test/support/setup.ts';
import { interaction } from '../../test/support/shop.ts';
import { fromColumns, joinColumns, toColumns } from './event-columns.ts';
import { payloadHash } from './payload-hash.ts';

const texts = [
  ...hostileTexts.filter((text) => text !== '' && text.isWellFormed() && !text.includes('\0')),
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

const events = texts.map((text, n) =>
  interaction({
    ...(n % 3 > 0 && { platform: text }),
    ...(n % 4 > 2 && { device: { [text]: [text, null, { deep: true }] } }),
    ...(n % 5 > 3 && { created_at: '2026-03-01T10:00:00.000000Z' }),
    received_at: `2026-03-0${1 + ((n >> 3) % 8)}T10:00:00.000000Z`,
  }),
);

const columnsOf = (some: typeof events) => {
  const columns = toColumns(some);
  if (!columns) throw new Error('an id is there twice');
  return columns;
};

test('events come out of their columns as they went in, with the hash that each has alone', () => {
  const stored = JSON.parse(JSON.stringify(columnsOf(events)));
  expect(fromColumns(stored, ['device'])).toEqual({ events, hashes: events.map(payloadHash) });
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
  expect(fromColumns(joined, ['device']).events).toEqual(events);
  expect(joinColumns(parts.slice(0, 1))).toBe(parts[0]);
});

test('an id that is there twice makes no columns', () => {
  expect(toColumns([...events, interaction({ event_id: events[3]?.event_id })])).toBeUndefined();
});
