import { randomUUID } from 'node:crypto';
import type { Db } from '../db/database.ts';
import type { Keys } from './start-keys.ts';

export interface RunFile {
  api: string;
  database_url: string;
  redis_queue_url: string;
  redis_cache_url: string;
  keys: Keys;
}

/** Somebody and something the shop has; made-up ids in an empty one. */
const findExample = async (db: Db): Promise<{ user_id: string; product_id: string }> => {
  const [found] = await db<{ user_id: string; product_id: string }>`
    select user_id, product_id from interactions order by created_at desc limit 1`;
  return found ?? { user_id: randomUUID(), product_id: randomUUID() };
};

const withoutPassword = (url: string) => {
  const { hostname, port, pathname } = new URL(url);
  return `${hostname}:${port}${pathname}`;
};

/** What is where, and three calls to try, ready to be pasted. */
export const describeSystem = async (db: Db, { api, keys, ...urls }: RunFile): Promise<string> => {
  const { user_id, product_id } = await findExample(db);
  const rows = [
    ['API', api],
    ['API docs', `${api}/docs`],
    ['Bull Board', `${api}/admin/queues  (any name; the admin key is the password)`],
    ['metrics', `${api}/metrics  (admin key)`],
    ['PostgreSQL', withoutPassword(urls.database_url)],
    [
      'Redis',
      `${withoutPassword(urls.redis_queue_url)} (queue), ${withoutPassword(urls.redis_cache_url)} (cache)`,
    ],
    ['logs', '.zyra/logs/'],
    ['data', '.zyra/data/'],
    ['keys, URLs', '.zyra/run.json'],
  ];
  const event = JSON.stringify({ user_id, product_id, event_type: 'view' });
  const call = (key: string, path: string, more = '') =>
    `  curl -s ${api}${path} -H 'Authorization: Bearer ${key}'${more}`;
  return [
    '',
    ...rows.map(([name, where]) => `  ${name?.padEnd(12)}${where}`),
    '',
    'Try it:',
    call(keys.write, '/v1/interactions', ` -H 'Content-Type: application/json' -d '${event}'`),
    call(keys.read, `/v1/users/${user_id}/history`),
    call(keys.admin, '/v1/admin/status'),
    '',
    'Ctrl-C stops everything.',
    '',
  ].join('\n');
};
