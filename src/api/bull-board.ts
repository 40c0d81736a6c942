import { createBullBoard } from '@bull-board/api';
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import { ExpressAdapter } from '@bull-board/express';
import type { Express } from 'express';
import type { Config } from '../config.ts';
import { OutageError } from '../errors.ts';
import { maskPersonal } from '../personal.ts';
import type { Producer } from '../queue/producer.ts';
import { Problem } from './problem.ts';

/** Where the board is mounted. */
export const boardPath = '/admin/queues';

/** Writing back what is shown would put masks in place of an event's only copy. */
const writesData = /\/(add|update-data)\/?$/;

/** The page asks Google for fonts. Our headers refuse them anyway; without the link the browser has nothing to report. */
const foreignFonts = /<link href="https:\/\/fonts\.googleapis\.com[^>]*>/;

/**
 * Bull Board over every queue, with personal fields masked. In production it only shows: emptying a queue there would
 * lose accepted events. The caller checks who asks.
 */
export const createBoard = (producer: Producer, config: Config): Express => {
  const server = new ExpressAdapter();
  server.setBasePath(boardPath);
  const queues = [...producer.queues.values()].map((queue) => {
    const adapter = new BullMQAdapter(queue, { readOnlyMode: config.NODE_ENV === 'production' });
    adapter.setFormatter('data', maskPersonal);
    adapter.setFormatter('returnValue', maskPersonal);
    return adapter;
  });
  createBullBoard({
    queues,
    serverAdapter: server,
    options: { uiConfig: { boardTitle: 'zyra queues', hideRedisDetails: false } },
  });
  // Its own handler would answer with the error's message; ours are told apart by the API's error middleware.
  server.setErrorHandler((error) => {
    const { statusCode } = error as { statusCode?: unknown };
    if (typeof statusCode === 'number' && statusCode < 500)
      throw new Problem(statusCode, 'This cannot be done.');
    throw new OutageError('the queues cannot be read', { cause: error });
  });
  const app = server.getRouter() as Express;
  app.disable('x-powered-by');
  const render = app.render.bind(app);
  Object.assign(app, {
    render: (view: string, options: object, done: (error: Error, html: string) => void) =>
      render(view, options, (error, html) => done(error, html?.replace(foreignFonts, ''))),
  });
  return app;
};

/** @throws Problem 403 for what would write job data. */
export const assertBoardWriteAllowed = (method: string, path: string): void => {
  if (method === 'GET' || method === 'HEAD' || !writesData.test(path)) return;
  throw new Problem(403, 'Job data is masked here and cannot be written back.');
};
