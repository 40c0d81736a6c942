import { startApi } from './api/server.ts';
import { runProcess } from './process.ts';

await runProcess('api', async (parts) => {
  const api = await startApi(parts);
  parts.log.info({ url: api.url, msg: 'listening' });
  return { stop: () => api.close() };
});
