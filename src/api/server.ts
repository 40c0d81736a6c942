import { once } from 'node:events';
import { type AddressInfo, Server as NetServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { eventJobs } from '../../jobs/index.ts';
import type { Parts } from '../parts.ts';
import { createIntake } from '../queue/intake.ts';
import { createIntakeGate } from '../queue/intake-gate.ts';
import { startCatalogue } from '../serving/catalogue.ts';
import { startExperiments } from '../serving/experiments.ts';
import { followIndex } from '../serving/follow-index.ts';
import { createListRequests } from '../serving/list-requests.ts';
import { startPopular } from '../serving/popular.ts';
import { createListReader } from '../serving/read-lists.ts';
import { createRecommendationLog } from '../serving/recommendation-log.ts';
import { createApp } from './app.ts';
import { answerBadHttp } from './bad-http.ts';

export interface Api {
  url: string;
  /** Take no new connections, answer what was asked, write out what was accepted. */
  close(): Promise<void>;
}

/** How long callers get to move their kept-alive connections elsewhere before idle ones are closed. */
const farewellMs = 1_000;

/** Serve the HTTP API. Resolves when it listens. */
export const startApi = async (parts: Parts): Promise<Api> => {
  const { config, producer } = parts;
  const gate = createIntakeGate(producer, {
    jobs: eventJobs,
    backlogJobs: config.INTAKE_BACKLOG_JOBS,
    memoryShare: config.INTAKE_MEMORY_SHARE,
  });
  const intake = createIntake(
    { ...parts, gate },
    {
      lingerMs: config.INTAKE_LINGER_MS,
      batchEvents: config.INTAKE_BATCH_EVENTS,
      bufferEvents: config.INTAKE_BUFFER_EVENTS,
    },
  );
  const catalogue = await startCatalogue({ ...parts, prefix: config.REDIS_PREFIX });
  const follower = followIndex(parts);
  catalogue.onIndex(() => follower.poke());
  await follower.ready;
  const experiments = await startExperiments({
    ...parts,
    redis: producer.redis,
    prefix: config.REDIS_PREFIX,
  });
  const recommendationLog = createRecommendationLog(parts);
  const popular = await startPopular({ ...parts, catalogue });
  const { server, close: closeApp } = createApp({
    ...parts,
    intake,
    catalogue,
    experiments,
    recommendationLog,
    popular,
    lists: createListReader({ ...parts, prefix: config.REDIS_PREFIX, catalogue }),
    listRequests: createListRequests(parts),
  });

  let leaving = false;
  // The caller opens its next connection to someone who stays.
  server.prependListener('request', (_, response) => {
    if (leaving) response.setHeader('connection', 'close');
  });
  server.on('clientError', answerBadHttp);
  server.listen(config.PORT, config.HOST);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;

  return {
    url: `http://${config.HOST}:${port}`,
    async close() {
      leaving = true;
      // http's own close() would cut idle connections at once, some of them just as a request comes in.
      const closed = new Promise<void>((resolve) => NetServer.prototype.close.call(server, () => resolve()));
      await Promise.race([closed, delay(farewellMs)]);
      server.closeIdleConnections();
      const forced = delay(Math.max(config.SHUTDOWN_TIMEOUT_MS - farewellMs, 0), 'late', { ref: false });
      if ((await Promise.race([closed, forced])) === 'late') server.closeAllConnections();
      await intake.close();
      gate.close();
      await recommendationLog.close();
      await experiments.close();
      popular.close();
      catalogue.close();
      await follower.stop();
      await closeApp();
    },
  };
};
