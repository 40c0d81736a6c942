import { IncomingMessage, type ServerOptions, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import express, { type ErrorRequestHandler, type Express, type RequestHandler, type Response } from 'express';
import helmet from 'helmet';
import { assertSameOrigin, authorizeBrowser, createKeyring } from './auth.ts';
import { assertBoardWriteAllowed, boardPath, createBoard } from './bull-board.ts';
import { docsRouter } from './docs.ts';
import { describing } from './openapi.ts';
import { Problem, problemOf } from './problem.ts';
import { logRequests, type RequestState } from './request-log.ts';
import { type ApiParts, mountRoute } from './route.ts';
import { routes } from './routes.ts';

export type { ApiParts } from './route.ts';

/**
 * For `http.createServer`. Headers have ten seconds; a body has its own limits, because a stream of events may take as
 * long as it likes. Connections outlive the idle time of common load balancers (60 s), so that they close first.
 */
export const serverLimits: ServerOptions = {
  headersTimeout: 10_000,
  requestTimeout: 0,
  keepAliveTimeout: 65_000,
  connectionsCheckingInterval: 2_000,
  maxHeaderSize: 16 * 1024,
};

/** Nothing from elsewhere, and no scripts in the page. The two pages we serve style themselves inline. */
const protect = helmet({
  contentSecurityPolicy: {
    useDefaults: false,
    directives: {
      defaultSrc: ["'none'"],
      scriptSrc: ["'self'"],
      styleSrc: ["'self'", "'unsafe-inline'"],
      imgSrc: ["'self'", 'data:'],
      fontSrc: ["'self'", 'data:'],
      connectSrc: ["'self'"],
      baseUri: ["'self'"],
      formAction: ["'none'"],
      frameAncestors: ["'none'"],
    },
  },
  xFrameOptions: { action: 'deny' },
});

/** As this handler, whose headers must be the same for every request: they are worked out once. */
const workedOut = (handler: typeof protect): RequestHandler => {
  const headers: [name: string, value: string][] = [];
  const request = new IncomingMessage(new Socket());
  const response = new ServerResponse(request);
  response.setHeader = (name, value) => {
    headers.push([name, String(value)]);
    return response;
  };
  handler(request, response, () => {});
  return (_request, answer, next) => {
    for (const [name, value] of headers) answer.setHeader(name, value);
    next();
  };
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
    for (const [name, value] of Object.entries(problem.extras.headers ?? {})) response.setHeader(name, value);
    response.statusCode = problem.status;
    response.setHeader('Content-Type', 'application/problem+json; charset=utf-8');
    response.end(JSON.stringify(problem));
  };

/** Build the HTTP API. `close` ends what it does in the background; the parts stay the caller's. */
export const createApp = (parts: ApiParts): { app: Express; close(): Promise<void> } => {
  const { config, log, metrics, producer } = parts;
  const keyring = createKeyring(parts);
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.enable('case sensitive routing');
  app.set('trust proxy', config.TRUST_PROXY_HOPS);

  app.use(logRequests(log, metrics));
  app.use(workedOut(protect));
  for (const route of [...routes, describing(routes)]) mountRoute(app, route, parts, keyring);
  app.use('/docs', (_, response, next) => {
    (response.locals as RequestState).route = '/docs';
    next();
  });
  app.use('/docs', docsRouter());
  app.use(boardPath, async (request, response, next) => {
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
  return {
    app,
    async close() {
      await keyring.close();
    },
  };
};
