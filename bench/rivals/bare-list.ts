// The limit of reading a list: an Express route that gets one key from Redis and sends it.
import { once } from 'node:events';
import express from 'express';
import { Redis } from 'ioredis';

const { PORT, REDIS_URL = '' } = process.env;
const redis = new Redis(REDIS_URL);
const app = express();
app.get('/v1/users/:user_id/recommendations', async (request, response) => {
  response.type('json').send(await redis.get(`bare:${request.params.user_id}`));
});
const server = app.listen(Number(PORT), '127.0.0.1');
server.keepAliveTimeout = 65_000;
await once(server, 'listening');
process.send?.('ready');
await once(process, 'SIGTERM');
process.exit(0);
