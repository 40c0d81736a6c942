import type { PostgresType } from 'postgres';

// Looking first takes half the time of replacing nothing.
const quote = (text: string): string =>
  /[\\"]/.test(text) ? `"${text.replace(/[\\"]/g, '\\$&')}"` : `"${text}"`;

/** PostgreSQL's way to write an array, `{"a","b",null}`. */
const serialize = (values: unknown): string => {
  if (!Array.isArray(values)) return String(values);
  const elements = values.map((value: unknown) => {
    if (value === null) return 'null';
    if (value === undefined) {
      throw Object.assign(new Error('an array holds undefined'), { code: 'UNDEFINED_VALUE' });
    }
    return Array.isArray(value) ? serialize(value) : quote(String(value));
  });
  return `{${elements.join(',')}}`;
};

const element = /"((?:[^"\\]|\\.)*)"|([^,]+)/gs;

const parser =
  <T>(parse: (text: string) => T) =>
  (literal: string): (T | null)[] =>
    [...literal.slice(1, -1).matchAll(element)].map(([, quoted, plain]) => {
      if (quoted !== undefined) return parse(quoted.replace(/\\(.)/gs, '$1'));
      return plain === undefined || plain === 'NULL' ? null : parse(plain);
    });

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
