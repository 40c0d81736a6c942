// The limit of reading a list: an Express route that gets one key from Redis and sends it.
import express from 'express';
import { Redis } from 'ioredis';
import { serve } from './serve.ts';

const { PORT, REDIS_URL = '' } = process.env;
const redis = new Redis(REDIS_URL);
const app = express();
app.get('/v1/users/:user_id/recommendations', async (request, response) => {
  response.type('json').send(await redis.get(`bare:${request.params.user_id}`));
});
await serve(app, Number(PORT));
