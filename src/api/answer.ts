import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import type { RequestHandler } from 'express';
import helmet from 'helmet';
import { requestIdOf } from './request-log.ts';

/** Nothing from elsewhere, and no scripts in the page. The two pages we serve style themselves inline. */
const protection = helmet({
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

/** What this handler sets, name and value in turn; it must be the same for every request. */
const headersOf = (handler: typeof protection): readonly string[] => {
  const headers: string[] = [];
  const request = new IncomingMessage(new Socket());
  const response = new ServerResponse(request);
  response.setHeader = (name, value) => {
    headers.push(name, String(value));
    return response;
  };
  handler(request, response, () => {});
  return headers;
};

const protective = headersOf(protection);

/** Our headers for what answers by itself: pages and their files. */
export const protectPages: RequestHandler = (_request, response, next) => {
  response.setHeader('X-Request-Id', requestIdOf(response));
  for (let at = 0; at < protective.length; at += 2) {
    response.setHeader(protective[at] as string, protective[at + 1] as string);
  }
  next();
};

/**
 * Answer a request with a text and be done with it. Headers go to Node in one list: set one by one they are kept by name
 * first, which for so many takes as long as choosing what to recommend.
 */
export const answerText = (
  response: ServerResponse,
  status: number,
  type: string,
  body: string,
  further?: Readonly<Record<string, string>>,
): void => {
  const length = String(Buffer.byteLength(body));
  const headers = [
    ...protective,
    'X-Request-Id',
    requestIdOf(response),
    'Content-Type',
    type,
    'Content-Length',
    length,
  ];
  if (further) for (const [name, value] of Object.entries(further)) headers.push(name, value);
  response.writeHead(status, headers);
  response.end(body);
};
