import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Log } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import { freshId } from './fresh-id.ts';

/** What is known of a request while it is answered; in `response.locals`. */
export interface RequestState {
  readonly requestId: string;
  /** The route's pattern, never the path itself: that names people. */
  route?: string;
  app?: string;
}

const usableId = /^[A-Za-z0-9_.-]{1,64}$/;

/** `response.locals` is what Express hands on as such. */
type Located = ServerResponse & { locals?: RequestState };

export const requestIdOf = (response: ServerResponse): string =>
  (response as Located).locals?.requestId ?? '';

/**
 * Give a request its id, and when its answer is out or its caller gone, one log line and its place in the figures. To be
 * called before Express: a layer there costs every request as much as all of this.
 */
export const createRequestLog = (log: Log, metrics: Metrics) => {
  // Only the fields below are ever written, so the line is spared the search for secrets.
  const lines = log.child({}, { redact: [] });
  return (request: IncomingMessage, response: ServerResponse): void => {
    const began = performance.now();
    const given = request.headers['x-request-id'];
    const requestId = typeof given === 'string' && usableId.test(given) ? given : freshId();
    const state: RequestState = { requestId };
    (response as Located).locals = state;
    response.once('close', () => {
      const ms = performance.now() - began;
      const { method = '' } = request;
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
  };
};
