import { isBare, parseArray, quoteElement } from '../db/array-types.ts';
import { arrivalsOf, type EventColumns } from '../db/events.ts';
import type { EventJob, StoredEvent } from './define-job.ts';
import { hashOfText } from './payload-hash.ts';

/** More are as well off one by one: where a text has many quotes, each is four characters in a column. */
const maxCharacters = 4 * 1024 * 1024;

const nulls = (count: number): string => 'NULL,'.repeat(count).slice(0, -1);

/**
 * Events of a job as columns, in the order in which its fields are declared. A field that no event has is no column; one
 * that some have is null for the others.
 * @returns undefined where that cannot be or does not pay: an id is there twice, which a statement cannot take, a field is
 * not of the declared kind, or all of it is very large.
 */
export const toColumns = (
  { ops, columns: declared }: Pick<EventJob, 'ops' | 'columns'>,
  events: readonly StoredEvent[],
): EventColumns | undefined => {
  const columns = new Map<string, { isJson: boolean; elements: string[] }>();
  const columnOf = (name: string) => {
    const column = { isJson: declared?.json.includes(name) ?? false, elements: [] };
    columns.set(name, column);
    return column;
  };
  for (const { event } of Object.values(ops)) Object.keys(event.shape).forEach(columnOf);
  const hashes: number[] = [];
  const received: [string, number][] = [];
  let last = '';
  let ascending = true;
  for (let place = 0; place < events.length; place += 1) {
    const event = events[place] as StoredEvent;
    // What `payloadHash` would hash, put together while each value is in hand: half of what JSON.stringify takes.
    let sent = '';
    for (const name in event) {
      const value = event[name];
      if (value === undefined || name === 'received_at') continue;
      const { isJson, elements } = columns.get(name) ?? columnOf(name);
      if ((typeof value !== 'string') !== isJson) return undefined;
      const bare = typeof value === 'string' && isBare(value);
      const json = bare ? `"${value}"` : JSON.stringify(value);
      if (name !== 'event_id') sent += sent === '' ? `"${name}":${json}` : `,"${name}":${json}`;
      while (elements.length < place) elements.push('NULL');
      elements.push(bare ? value : quoteElement(typeof value === 'string' ? value : json));
    }
    hashes.push(hashOfText(`{${sent}}`));
    ascending &&= event.event_id > last;
    last = event.event_id;
    const arrival = received.at(-1);
    if (arrival?.[0] === event.received_at) arrival[1] += 1;
    else received.push([event.received_at, 1]);
  }
  // Ids of the door's making are in order, which is seen in a fifth of the time.
  if (!ascending && new Set(columns.get('event_id')?.elements).size < events.length) return undefined;
  const fields: Record<string, string> = {};
  const json: string[] = [];
  let characters = 0;
  for (const [name, { isJson, elements }] of columns) {
    if (elements.length === 0) continue;
    while (elements.length < events.length) elements.push('NULL');
    const literal = `{${elements.join(',')}}`;
    fields[name] = literal;
    if (isJson) json.push(name);
    characters += literal.length;
  }
  if (characters > maxCharacters) return undefined;
  return { count: events.length, hashes: `{${hashes.join(',')}}`, received, fields, json };
};

/** The events again, and their hashes. */
export const fromColumns = (packed: EventColumns): { events: StoredEvent[]; hashes: number[] } => {
  const { count, hashes, fields, json } = packed;
  const columns = Object.entries(fields).map(([name, literal]) => {
    const read = (text: string | null) => (json.includes(name) && text !== null ? JSON.parse(text) : text);
    return [name, parseArray(literal).map(read)] as const;
  });
  const arrivals = arrivalsOf(packed);
  const events = Array.from({ length: count }, (_, place) => {
    const own = columns.flatMap(([name, column]) => (column[place] == null ? [] : [[name, column[place]]]));
    return { ...Object.fromEntries(own), received_at: arrivals[place] } as StoredEvent;
  });
  return { events, hashes: parseArray(hashes).map(Number) };
};

/** Their ids. */
export const idsOf = ({ fields }: EventColumns): string[] =>
  (fields.event_id ?? '{}').slice(1, -1).split(',');

const join = (literals: readonly string[]): string =>
  `{${literals.map((literal) => literal.slice(1, -1)).join(',')}}`;

/** The events of all of them as one. */
export const joinColumns = (parts: readonly EventColumns[]): EventColumns => {
  const [first] = parts;
  if (first && parts.length === 1) return first;
  const names = new Set(parts.flatMap(({ fields }) => Object.keys(fields)));
  return {
    count: parts.reduce((sum, { count }) => sum + count, 0),
    hashes: join(parts.map(({ hashes }) => hashes)),
    received: parts.flatMap(({ received }) => received),
    fields: Object.fromEntries(
      [...names].map((name) => [
        name,
        join(parts.map(({ count, fields }) => fields[name] ?? `{${nulls(count)}}`)),
      ]),
    ),
    json: [...new Set(parts.flatMap(({ json }) => json))],
  };
};
