import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { z } from 'zod';
import { eventJobs } from '../../jobs/index.ts';
import { createDoor } from '../../src/api/door.ts';
import { describeRoutes } from '../../src/api/openapi.ts';
import type { Route } from '../../src/api/route.ts';
import { anything, fitting, hostileTexts, mutated, type Schema } from './fuzz-values.ts';
import type { Random } from './random-shop.ts';

/** A request as it goes over the wire. */
export interface FuzzedRequest {
  method: string;
  path: string;
  headers: Record<string, string>;
  body?: Buffer | undefined;
}

interface Operation {
  parameters?: { in: string; name: string; schema: Schema }[];
  requestBody?: { content: Record<string, { schema: Schema }> };
}

/** The lines that `POST /v1/events` takes; its own description is only "text". */
const lineSchemas: Schema[] = eventJobs.flatMap((job) =>
  Object.keys(job.ops).map((op) => {
    const event = z.toJSONSchema(createDoor(job, op).schema, {
      io: 'input',
      unrepresentable: 'any',
    }) as Schema;
    const said = { type: { const: job.type }, op: { const: op } };
    return {
      ...event,
      properties: { ...event.properties, ...said },
      required: [...(event.required ?? []), 'type', 'op'],
    };
  }),
);

/** As URLs have it, and sometimes as they must not; a lone surrogate becomes the octets it would have. */
const escaped = (random: Random, text: string): string => {
  if (random.chance(0.05))
    return random.pick(['%zz', '%', '%00', '%c0%af', '%ed%a0%80', '..', '%2e%2e%2f', '%0d%0a', ';']);
  return [...text].map((char) => (char.isWellFormed() ? encodeURIComponent(char) : '%ED%A0%80')).join('');
};

const asText = (value: unknown): string =>
  typeof value === 'string' ? value : (JSON.stringify(value) ?? '');

const target = (random: Random, path: string, parameters: NonNullable<Operation['parameters']>): string => {
  const of = (schema: Schema) => asText(random.chance(0.12) ? anything(random) : fitting(random, schema));
  const filled = path.replaceAll(/:(\w+)/g, (_, name: string) => {
    const schema = parameters.find((one) => one.in === 'path' && one.name === name)?.schema ?? {};
    return escaped(random, of(schema)).slice(0, 2_000) || '%20';
  });
  const asked = parameters.filter((one) => one.in === 'query' && random.chance(0.4));
  const pairs = asked.map(({ name, schema }) => [name, of(schema)]);
  if (random.chance(0.1)) pairs.push([random.pick(hostileTexts), random.pick(hostileTexts)]);
  if (pairs[0] && random.chance(0.05)) pairs.push(pairs[0]);
  const query = pairs.map((pair) =>
    pair.map((text) => escaped(random, text ?? '').slice(0, 1_000)).join('='),
  );
  return query.length > 0 ? `${filled}?${query.join('&')}` : filled;
};

const bytes = (random: Random, length: number): Buffer =>
  Buffer.from(Array.from({ length }, () => random.below(256)));

/** Octets changed, cut off or put in. */
const damaged = (random: Random, body: Buffer): Buffer => {
  const copy = Buffer.from(body);
  if (copy.length === 0) return bytes(random, 1 + random.below(50));
  const at = random.below(copy.length);
  const way = random.below(3);
  if (way === 0) return copy.subarray(0, at);
  if (way === 1)
    return Buffer.concat([copy.subarray(0, at), bytes(random, 1 + random.below(8)), copy.subarray(at)]);
  copy[at] = random.below(256);
  return copy;
};

/** What JSON.stringify would never write. */
const spelled = (random: Random, text: string): string => {
  const way = random.below(5);
  if (way === 0) return text.replace(/"([a-z_]+)":/, '"$1":1,"$1":');
  if (way === 1) return text.replace('{', '{"__proto__":{"isAdmin":true},');
  if (way === 2) return text.replace(/:(\d+|"[^"]*")/, ':1e400');
  if (way === 3) return `\ufeff${text}`;
  return text.replaceAll(',', ' ,\r\n\t');
};

const value = (random: Random, schema: Schema, fittingShare: number): unknown => {
  let made = fitting(random, schema);
  if (random.chance(fittingShare)) return made;
  for (let times = 1 + random.below(3); times > 0; times -= 1) made = mutated(random, made);
  return made;
};

const jsonBody = (random: Random, schema: Schema, fittingShare: number): Buffer => {
  if (random.chance(0.05)) return bytes(random, random.below(200));
  const text = JSON.stringify(value(random, schema, fittingShare)) ?? '';
  const body = Buffer.from(random.chance(0.1) ? spelled(random, text) : text);
  return random.chance(0.1) ? damaged(random, body) : body;
};

const linesBody = (random: Random, fittingShare: number): Buffer => {
  const lines = Array.from({ length: 1 + random.below(6) }, () =>
    jsonBody(random, random.pick(lineSchemas), fittingShare),
  );
  const end = random.pick(['\n', '\r\n', '\n\n', '\r']);
  return Buffer.concat(lines.flatMap((line) => [line, Buffer.from(end)]));
};

const encodings: Record<string, (body: Buffer) => Buffer> = {
  gzip: gzipSync,
  deflate: deflateSync,
  br: brotliCompressSync,
  identity: (body) => body,
  zstd: (body) => body,
};

const headersOf = (random: Random, type: string | undefined): Record<string, string> => {
  const headers: Record<string, string> = {};
  if (type !== undefined) {
    const strange = [
      `${type};charset=utf-16`,
      `${type}; charset="UTF-8"`,
      'text/plain',
      'application/xml',
      type.toUpperCase(),
      '',
    ];
    headers['content-type'] = random.chance(0.05) ? random.pick(strange) : type;
  }
  if (random.chance(0.1))
    headers['idempotency-key'] = random.pick(['k', 'k'.repeat(256), 'é', ' ', 'order 1', '\t']);
  if (random.chance(0.03))
    headers['x-request-id'] = random.pick(['a b', 'x'.repeat(500), '<script>', 'ok-1']);
  if (random.chance(0.02)) headers['x-http-method-override'] = 'DELETE';
  if (random.chance(0.02)) headers.expect = '100-continue';
  return headers;
};

const document = (routes: readonly Route[]) =>
  JSON.parse(JSON.stringify(describeRoutes(routes))) as { paths: Record<string, Record<string, Operation>> };

/**
 * Makes requests for a route from what the API says of it: fitting ones, ones with something wrong in them, and ones that
 * are hardly requests. `fittingShare` is how many bodies are left as the schema wants them.
 */
export const createFuzzer = (routes: readonly Route[]) => {
  const { paths } = document(routes);
  return ({ method, path }: Route, random: Random, fittingShare = 0.4): FuzzedRequest => {
    const operation = paths[path.replaceAll(/:(\w+)/g, '{$1}')]?.[method];
    if (!operation) throw new Error(`${method} ${path} is not described`);
    const [type, content] = Object.entries(operation.requestBody?.content ?? {})[0] ?? [];
    const request: FuzzedRequest = {
      method: method.toUpperCase(),
      path: target(random, path, operation.parameters ?? []),
      headers: headersOf(random, type),
    };
    if (!content) {
      // A body where none is expected.
      if (random.chance(0.05)) request.body = bytes(random, 20);
      return request;
    }
    let body =
      type === 'application/json'
        ? jsonBody(random, content.schema, fittingShare)
        : linesBody(random, fittingShare);
    if (random.chance(0.08)) {
      const encoding = random.pick(Object.keys(encodings));
      body = encodings[encoding]?.(body) ?? body;
      if (random.chance(0.3)) body = damaged(random, body);
      request.headers['content-encoding'] = encoding;
    }
    request.body = body;
    return request;
  };
};
