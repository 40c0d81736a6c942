import { IncomingMessage, ServerResponse } from 'node:http';
import type { Express } from 'express';

/**
 * Requests and responses that are this app's from the beginning, for `http.createServer`. Express gives those of Node
 * another prototype, one by one, and what V8 makes of that keeps every request and all that hangs on it until it marks old
 * objects: of 12 MB of a second's requests 5 outlived the collection of young objects, which took ten times as long, and
 * old ones had to be marked every few seconds. A request that has the prototype already stays as it is.
 */
export const messagesOf = (app: Express) => {
  class Request extends IncomingMessage {}
  class Response extends ServerResponse {}
  Object.setPrototypeOf(Request.prototype, app.request);
  Object.setPrototypeOf(Response.prototype, app.response);
  app.request = Request.prototype as unknown as typeof app.request;
  app.response = Response.prototype as unknown as typeof app.response;
  return { IncomingMessage: Request, ServerResponse: Response };
};
