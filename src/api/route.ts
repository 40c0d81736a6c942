import type { Express, Request, Response } from 'express';
import type { Redis } from 'ioredis';
import type { z } from 'zod';
import type { Config } from '../config.ts';
import type { Scope } from '../db/api-keys.ts';
import type { Db } from '../db/database.ts';
import type { Embedders } from '../embeddings/embedder.ts';
import type { Log } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import type { Intake } from '../queue/intake.ts';
import type { IntakeAccount } from '../queue/intake-account.ts';
import type { Producer } from '../queue/producer.ts';
import type { Sealer } from '../queue/secrets.ts';
import type { Catalogue } from '../serving/catalogue.ts';
import type { Experiments } from '../serving/experiments.ts';
import type { ListRequests } from '../serving/list-requests.ts';
import type { Popular } from '../serving/popular.ts';
import type { ListReader } from '../serving/read-lists.ts';
import type { RecommendationLog } from '../serving/recommendation-log.ts';
import { validate } from '../validate.ts';
import type { VectorIndex } from '../vectors/vector-index.ts';
import { answerText } from './answer.ts';
import { allows, authorize, type Keyring } from './auth.ts';
import { readJson } from './body.ts';
import { type FieldError, fieldErrors, invalid } from './problem.ts';
import type { RequestState } from './request-log.ts';

/** What the API works with. */
export interface ApiParts {
  readonly config: Config;
  readonly log: Log;
  readonly db: Db;
  readonly producer: Producer;
  readonly intake: Intake;
  readonly account: IntakeAccount;
  readonly metrics: Metrics;
  readonly sealer: Sealer;
  /** To the Redis of the served lists; from `connectForRequests`. */
  readonly cache: Redis;
  readonly embedders: Embedders;
  readonly vectors: VectorIndex;
  readonly catalogue: Catalogue;
  readonly experiments: Experiments;
  readonly recommendationLog: RecommendationLog;
  readonly lists: ListReader;
  readonly listRequests: ListRequests;
  readonly popular: Popular;
}

/** What a handler answers: JSON, or text of another type. */
export interface Answer {
  status?: number;
  json?: unknown;
  text?: string;
  type?: string;
}

interface RouteResponse {
  description: string;
  schema?: z.ZodType;
  /** Media type when it is not JSON. */
  type?: string;
}

/**
 * `checked`: JSON that is validated against the schema before the handler sees it. `json`: JSON that the handler checks
 * itself; the schema documents it. `stream`: the handler reads the request.
 */
export interface RouteBody<Schema extends z.ZodType = z.ZodType> {
  schema: Schema;
  read?: 'checked' | 'json' | 'stream';
  type?: string;
  description?: string;
}

type Output<Schema> = Schema extends z.ZodType ? z.output<Schema> : undefined;

export interface Call<Params, Query, Headers, Body> {
  params: Params;
  query: Query;
  headers: Headers;
  body: Body;
  /** The app whose key was used; empty on public routes. */
  app: string;
  /** Whether the key has the admin scope. */
  isAdmin: boolean;
  request: Request;
  response: Response;
}

/** A route as data: Express and the OpenAPI document are both made from it, so neither can have one the other lacks. */
export interface Route {
  readonly method: 'get' | 'post' | 'put' | 'patch' | 'delete';
  /** In Express' notation. */
  readonly path: string;
  readonly scope: Scope | 'public';
  readonly summary: string;
  readonly description?: string;
  readonly params?: z.ZodObject | undefined;
  readonly query?: z.ZodObject | undefined;
  readonly headers?: z.ZodObject | undefined;
  readonly body?: RouteBody | undefined;
  readonly responses: Readonly<Record<number, RouteResponse>>;
  /** Asked before the body is read. @throws when nothing can be taken now, whatever it is. */
  readonly assertOpen?: ((parts: ApiParts) => void) | undefined;
  handle(call: Call<unknown, unknown, unknown, unknown>, parts: ApiParts): Promise<Answer> | Answer;
}

/** Declare a route; its handler is typed from the schemas. */
export const defineRoute = <
  Params extends z.ZodObject | undefined = undefined,
  Query extends z.ZodObject | undefined = undefined,
  Headers extends z.ZodObject | undefined = undefined,
  Body extends z.ZodType | undefined = undefined,
>(
  route: Omit<Route, 'handle' | 'params' | 'query' | 'headers' | 'body'> & {
    params?: Params;
    query?: Query;
    headers?: Headers;
    body?: RouteBody<Body extends z.ZodType ? Body : never>;
    handler: (
      call: Call<Output<Params>, Output<Query>, Output<Headers>, Output<Body>>,
      parts: ApiParts,
    ) => Promise<Answer> | Answer;
  },
): Route => {
  const { handler, ...rest } = route;
  return { ...rest, handle: handler as unknown as Route['handle'] };
};

/** Parse what has a schema; all its problems go to `errors`. */
const check = (schema: z.ZodType | undefined, value: unknown, errors: FieldError[]): unknown => {
  if (!schema) return undefined;
  const parsed = validate(schema, value);
  if (parsed.success) return parsed.data;
  errors.push(...fieldErrors(parsed.error));
  return undefined;
};

const send = (response: Response, { status = 200, json, text, type }: Answer): void => {
  if (response.headersSent) return;
  answerText(response, status, type ?? 'application/json; charset=utf-8', text ?? JSON.stringify(json));
};

/** Put a route into Express. Nothing of the request is looked at before the key. */
export const mountRoute = (app: Express, route: Route, parts: ApiParts, keyring: Keyring): void => {
  const { method, path, scope, params, query, headers, body, assertOpen } = route;
  const reading = body?.read ?? 'checked';
  app[method](path, async (request: Request, response: Response<unknown, RequestState>) => {
    response.locals.route = path;
    let app = '';
    let isAdmin = false;
    if (scope !== 'public') {
      const key = await authorize(keyring, request, scope);
      app = key.app;
      isAdmin = allows(key, 'admin');
      response.locals.app = app;
    }
    assertOpen?.(parts);
    const errors: FieldError[] = [];
    const call = {
      params: check(params, request.params, errors),
      query: check(query, query && request.query, errors),
      headers: check(headers, headers && request.headers, errors),
      body: undefined as unknown,
      app,
      isAdmin,
      request,
      response,
    };
    if (body && reading !== 'stream') {
      call.body = await readJson(request, response);
      if (reading === 'checked') call.body = check(body.schema, call.body, errors);
    }
    if (errors.length > 0) throw invalid(errors);
    send(response, await route.handle(call, parts));
  });
};
