import { createServer, type Server, type ServerOptions } from 'node:http';
import express, { type ErrorRequestHandler, type Express, type Response } from 'express';
import { answerText, protectPages } from './answer.ts';
import { assertSameOrigin, authorizeBrowser, createKeyring } from './auth.ts';
import { assertBoardWriteAllowed, boardPath, createBoard } from './bull-board.ts';
import { docsRouter } from './docs.ts';
import { messagesOf } from './messages.ts';
import { describing } from './openapi.ts';
import { Problem, problemOf } from './problem.ts';
import { createRequestLog, type RequestState } from './request-log.ts';
import { type ApiParts, mountRoute } from './route.ts';
import { routes } from './routes.ts';

export type { ApiParts } from './route.ts';

/**
 * Headers have ten seconds; a body has its own limits, because a stream of events may take as long as it likes. Connections
 * outlive the idle time of common load balancers (60 s), so that they close first.
 */
const serverLimits: ServerOptions = {
  headersTimeout: 10_000,
  requestTimeout: 0,
  keepAliveTimeout: 65_000,
  connectionsCheckingInterval: 2_000,
  maxHeaderSize: 16 * 1024,
};

/** The one place where errors become answers. */
const answerErrors =
  ({ log }: ApiParts): ErrorRequestHandler =>
  (error: unknown, _request, response: Response, _next) => {
    const { requestId } = response.locals as RequestState;
    const problem = problemOf(error) ?? new Problem(500, 'Something went wrong on our side.');
    // A 503 is in the request's own line, and what is away says so itself: one line per outage, not one per caller.
    if (problem.status === 500) log.error({ err: error, request_id: requestId, msg: 'request failed' });
    if (response.headersSent) {
      response.destroy();
      return;
    }
    const { status, extras } = problem;
    answerText(
      response,
      status,
      'application/problem+json; charset=utf-8',
      JSON.stringify(problem),
      extras.headers,
    );
  };

/** Build the HTTP API. `close` ends what it does in the background; server and parts stay the caller's. */
export const createApp = (parts: ApiParts): { app: Express; server: Server; close(): Promise<void> } => {
  const { config, log, metrics, producer } = parts;
  const keyring = createKeyring(parts);
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.enable('case sensitive routing');
  app.set('trust proxy', config.TRUST_PROXY_HOPS);

  for (const route of [...routes, describing(routes)]) mountRoute(app, route, parts, keyring);
  app.use('/docs', protectPages, (_, response, next) => {
    (response.locals as RequestState).route = '/docs';
    next();
  });
  app.use('/docs', docsRouter());
  app.use(boardPath, protectPages, async (request, response, next) => {
    const state = response.locals as RequestState;
    state.route = boardPath;
    state.app = (await authorizeBrowser(keyring, request)).app;
    assertSameOrigin(request);
    assertBoardWriteAllowed(request.method, request.path);
    next();
  });
  app.use(boardPath, createBoard(producer, config));
  app.use(() => {
    throw new Problem(404, 'There is nothing here.');
  });
  app.use(answerErrors(parts));
  const begin = createRequestLog(log, metrics);
  return {
    app,
    server: createServer({ ...serverLimits, ...messagesOf(app) }, (request, response) => {
      begin(request, response);
      app(request, response);
    }),
    async close() {
      await keyring.close();
    },
  };
};
