import { setFlagsFromString } from 'node:v8';
import { startApi } from './api/server.ts';
import { runProcess } from './process.ts';

// Left to itself V8 lets garbage grow to four times what is in use before it looks, which under load is more than all
// else an API process holds. Looking at half again as much costs a collection every few seconds.
setFlagsFromString('--heap-growing-percent=50');

await runProcess('api', async (parts) => {
  const api = await startApi(parts);
  parts.log.info({ url: api.url, msg: 'listening' });
  return { stop: () => api.close() };
});
