import type { PostgresType } from 'postgres';

/** One element of an array. */
// Looking first takes half the time of replacing nothing.
export const quoteElement = (text: string): string =>
  /[\\"]/.test(text) ? `"${text.replace(/[\\"]/g, '\\$&')}"` : `"${text}"`;

/** PostgreSQL's way to write an array, `{"a","b",null}`. */
const serialize = (values: unknown): string => {
  if (!Array.isArray(values)) return String(values);
  const elements = values.map((value: unknown) => {
    if (value === null) return 'null';
    if (value === undefined) {
      throw Object.assign(new Error('an array holds undefined'), { code: 'UNDEFINED_VALUE' });
    }
    return Array.isArray(value) ? serialize(value) : quoteElement(String(value));
  });
  return `{${elements.join(',')}}`;
};

/** Whether a text may stand in an array, as in JSON's quotes, as it is. */
export const isBare = (text: string): boolean =>
  /^[\w.:+-]+$/.test(text) && !(text.length === 4 && text.toUpperCase() === 'NULL');

/** The texts of an array of one dimension in PostgreSQL's notation. No pattern: one for quotes fails on very long texts. */
export const parseArray = (literal: string): (string | null)[] => {
  const texts: (string | null)[] = [];
  const ending = literal.length - 1;
  for (let at = 1, end = at; at < ending; at = end + 1) {
    if (literal[at] === '"') {
      end = at + 1;
      while (end < ending && literal[end] !== '"') end += literal[end] === '\\' ? 2 : 1;
      const quoted = literal.slice(at + 1, end);
      texts.push(quoted.includes('\\') ? quoted.replace(/\\(.)/gs, '$1') : quoted);
      end += 1;
    } else {
      const comma = literal.indexOf(',', at);
      end = comma < 0 ? ending : comma;
      const bare = literal.slice(at, end);
      texts.push(bare === 'NULL' ? null : bare);
    }
  }
  return texts;
};

const parser =
  <T>(parse: (text: string) => T) =>
  (literal: string): (T | null)[] =>
    parseArray(literal).map((text) => (text === null ? null : parse(text)));

const family = <T>(oids: number[], parse: (text: string) => T): PostgresType =>
  ({ to: oids[0], from: oids, serialize, parse: parser(parse) }) as unknown as PostgresType;

/**
 * Arrays of one dimension, by the fixed oids of PostgreSQL's own types. The driver would ask each new connection for
 * them, in a promise that nobody awaits: a connection lost during that question ends the whole process.
 */
export const arrayTypes = (parseTime: (text: string) => string): Record<string, PostgresType> => ({
  // text, name, varchar, uuid; numeric stays text, as outside of arrays.
  texts: family([1009, 1003, 1015, 2951, 1231], String),
  // smallint, integer, bigint, real, double precision, oid
  numbers: family([1007, 1005, 1016, 1021, 1022, 1028], Number),
  booleans: family([1000], (text) => text === 't'),
  times: family([1185, 1115], parseTime),
});
