import * as http from 'node:http';
import * as https from 'node:https';
import { text } from 'node:stream/consumers';
import type { ApiAddress } from './connection.ts';
import { CommandError, oneLine } from './failure.ts';

export interface Answer {
  status: number;
  headers: http.IncomingHttpHeaders;
  /** Undefined when the body is not JSON, as a proxy's error page is not. */
  json: unknown;
}

interface Question {
  method?: 'GET' | 'POST';
  headers?: Record<string, string>;
  body?: string | Buffer;
  timeoutMs: number;
}

/**
 * One HTTP request. Settles within its deadline whatever the network does, which the fetch of Node 20 does not: it never
 * notices a connection that is closed before the request was written.
 */
export const ask = (url: URL, { method = 'GET', headers, body, timeoutMs }: Question): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const { request } = url.protocol === 'https:' ? https : http;
    const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) };
    const question = request(url, { method, headers: { ...headers, ...length } });
    const deadline = setTimeout(
      () => question.destroy(new Error(`no answer within ${timeoutMs / 1_000} s`)),
      timeoutMs,
    );
    const settle = () => clearTimeout(deadline);
    question.on('error', (error) => {
      settle();
      reject(error);
    });
    question.on('response', (response) => {
      text(response)
        .finally(settle)
        .then((said) => {
          resolve({ status: response.statusCode ?? 0, headers: response.headers, json: parsed(said) });
        }, reject);
    });
    question.end(body);
  });

const parsed = (said: string): unknown => {
  try {
    return JSON.parse(said);
  } catch {
    return undefined;
  }
};

/** The part of a problem document (RFC 9457) that people read. */
interface Problem {
  title?: string;
  detail?: string;
  errors?: { path?: string; message?: string }[];
}

/** What an answer that is not a success says, in one line. */
export const problemOf = ({ status, json }: Answer): string => {
  const { title, detail, errors = [] } = (typeof json === 'object' && json ? json : {}) as Problem;
  const fields = errors.slice(0, 5).map(({ path, message }) => `${path}: ${message}`);
  return [`${status} ${title ?? ''}`.trim(), detail, ...fields].filter(Boolean).join('; ');
};

/**
 * Ask the API as an administrator.
 * @throws CommandError when it cannot be reached or refuses.
 */
export const askApi = async (api: ApiAddress, path: string, body?: unknown): Promise<unknown> => {
  const authorization = { authorization: `Bearer ${api.key('admin')}` };
  const question: Question =
    body === undefined
      ? { headers: authorization, timeoutMs: 30_000 }
      : {
          method: 'POST',
          headers: { ...authorization, 'content-type': 'application/json' },
          body: JSON.stringify(body),
          timeoutMs: 30_000,
        };
  const answer = await ask(new URL(path, api.url), question).catch((error: unknown) => {
    throw new CommandError(`the API at ${api.url} does not answer: ${oneLine(error)}`);
  });
  if (answer.status >= 300) throw new CommandError(`the API refuses: ${problemOf(answer)}`);
  return answer.json;
};
