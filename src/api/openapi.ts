import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { createDocument, type ZodOpenApiOperationObject, type ZodOpenApiPathsObject } from 'zod-openapi';
import { projectRoot } from '../config.ts';
import { defineRoute, type Route } from './route.ts';

const problem = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    errors: z
      .array(z.object({ path: z.string(), message: z.string() }))
      .optional()
      .meta({ description: 'Every bad field (the first 100), by JSON pointer.' }),
  })
  .meta({ id: 'Problem', description: 'RFC 9457' });

const statuses: Record<number, string> = {
  400: 'Not valid; `errors` names every bad field.',
  401: 'No key, or an unknown one.',
  403: 'The key lacks the scope.',
  413: 'The body is too large.',
  415: 'The media type or encoding is not supported.',
  429: 'The key is over its rate. Try again after `Retry-After` seconds.',
  503: 'The system cannot do this durably right now. Try again after `Retry-After` seconds.',
};

/** The errors a route can answer with, from what it takes and needs. */
const problemsOf = ({ scope, params, query, body }: Route): number[] => [
  ...(params || query || body ? [400] : []),
  ...(scope === 'public' ? [] : [401, 403]),
  ...(body ? [413, 415] : []),
  ...(scope === 'public' ? [] : [429, 503]),
];

const operation = (route: Route): ZodOpenApiOperationObject => {
  const { method, path, scope, summary, description, params, query, headers, body, responses } = route;
  const declared = Object.entries(responses).map(([status, { description: what, schema, type }]) => {
    const fallback = Number(status) >= 400 ? problem : z.string();
    const media = type ?? (schema || Number(status) < 400 ? 'application/json' : 'application/problem+json');
    return [status, { description: what, content: { [media]: { schema: schema ?? fallback } } }];
  });
  const errors = problemsOf(route)
    .filter((status) => !(status in responses))
    .map((status) => [
      String(status),
      {
        description: statuses[status] ?? '',
        content: { 'application/problem+json': { schema: problem } },
      },
    ]);
  return {
    operationId: `${method}${path.replaceAll(/[^A-Za-z0-9]+(\w?)/g, (_, next: string) => next.toUpperCase())}`,
    tags: [scope],
    summary,
    ...(description !== undefined && { description }),
    security: scope === 'public' ? [] : [{ key: [] }],
    requestParams: {
      ...(params && { path: params }),
      ...(query && { query }),
      ...(headers && { header: headers }),
    },
    ...(body && {
      requestBody: {
        required: true,
        ...(body.description !== undefined && { description: body.description }),
        content: { [body.type ?? 'application/json']: { schema: body.schema } },
      },
    }),
    responses: Object.fromEntries([...declared, ...errors]),
  };
};

/** The OpenAPI 3.1 document of the routes. */
export const describeRoutes = (routes: readonly Route[]) => {
  const { version } = JSON.parse(readFileSync(join(projectRoot, 'package.json'), 'utf8')) as {
    version: string;
  };
  const paths: ZodOpenApiPathsObject = {};
  for (const route of routes) {
    const path = route.path.replaceAll(/:(\w+)/g, '{$1}');
    paths[path] = { ...paths[path], [route.method]: operation(route) };
  }
  return createDocument({
    openapi: '3.1.0',
    info: {
      title: 'zyra',
      version,
      description:
        'Takes everything that happens in a shop, never loses it, and turns it into recommendations. Keys are for servers, never for a browser.',
    },
    servers: [{ url: '/' }],
    paths,
    components: {
      securitySchemes: {
        key: {
          type: 'http',
          scheme: 'bearer',
          description: 'A key has scopes: write, read, admin (includes both).',
        },
      },
    },
  });
};

/** `GET /openapi.json`, which describes itself too. */
export const describing = (routes: readonly Route[]): Route => {
  let text: string | undefined;
  const route: Route = defineRoute({
    method: 'get',
    path: '/openapi.json',
    scope: 'public',
    summary: 'This description.',
    responses: { 200: { description: 'OpenAPI 3.1.', schema: z.record(z.string(), z.unknown()) } },
    handler() {
      text ??= JSON.stringify(describeRoutes([...routes, route]));
      return { text, type: 'application/json; charset=utf-8' };
    },
  });
  return route;
};
