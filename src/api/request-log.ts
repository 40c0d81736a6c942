import type { NextFunction, Request, RequestHandler, Response } from 'express';
import type { Log } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import { freshId } from './fresh-id.ts';

/** What is known of a request while it is answered; in `response.locals`. */
export interface RequestState {
  requestId: string;
  /** The route's pattern, never the path itself: that names people. */
  route?: string;
  app?: string;
}

const usableId = /^[A-Za-z0-9_.-]{1,64}$/;

/** Give every request an id, and when its answer is out or its caller gone, one log line and its place in the figures. */
export const logRequests = (log: Log, metrics: Metrics): RequestHandler => {
  // Only the fields below are ever written, so the line is spared the search for secrets.
  const lines = log.child({}, { redact: [] });
  return (request: Request, response: Response, next: NextFunction) => {
    const began = performance.now();
    const given = request.headers['x-request-id'];
    const requestId = typeof given === 'string' && usableId.test(given) ? given : freshId();
    const state = response.locals as RequestState;
    state.requestId = requestId;
    response.setHeader('X-Request-Id', requestId);
    response.once('close', () => {
      const ms = performance.now() - began;
      const { method } = request;
      const { route = 'unmatched', app } = state;
      // As nginx has it: nobody was there to take the answer.
      const status = response.writableFinished ? response.statusCode : 499;
      metrics.http.observe({ method, route, status }, ms / 1_000);
      lines.info({
        method,
        route,
        status,
        ms: Math.round(ms * 10) / 10,
        request_id: requestId,
        app,
        msg: 'request',
      });
    });
    next();
  };
};
