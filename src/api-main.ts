import { startApi } from './api/server.ts';
import { connectParts } from './parts.ts';
import { runProcess } from './process.ts';

await runProcess('api', async ({ config, log }) => {
  const parts = await connectParts(config, log, 'api');
  const api = await startApi(parts);
  log.info({ url: api.url, msg: 'listening' });
  return {
    async stop() {
      await api.close();
      await parts.close();
    },
  };
});
