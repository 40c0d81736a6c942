import { v7 as uuidv7 } from 'uuid';
import { expect, inject, test } from 'vitest';
import { jobs } from '../jobs/index.ts';
import { applyNow } from './support/apply.ts';
import { createClient } from './support/client.ts';
import { drain } from './support/drain.ts';
import { dumpRedis, dumpTables } from './support/everything.ts';
import { setup } from './support/setup.ts';

const hash = '$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHQ$RdescudvJCsgt3ub+b1dWRWJTmaasfasd';

test('a password hash is in clear nowhere but in its column', async () => {
  const system = await setup();
  const { url, keys } = await system.startApi();
  const client = createClient(url, keys.write);
  const [holder, user] = [uuidv7(), uuidv7()];
  const seen = async () => {
    const lines = [...(await dumpTables(system.db)), ...(await dumpRedis(inject('redisQueueUrl')))];
    return lines.filter((line) => line.includes(hash));
  };
  await client.put(`/v1/users/${holder}`, { username: 'taken' });
  await client.put(`/v1/users/${user}`, { password_hash: hash, username: 'taken' });
  await client.ndjson([{ type: 'user', user_id: holder, password_hash: hash }]);
  // No worker yet: all three are in their queue.
  expect((await dumpRedis(inject('redisQueueUrl'))).filter((line) => line.includes(user)).length).toBe(1);
  expect(await seen()).toEqual([]);

  system.startWorkers();
  await drain(system);
  expect(await system.db`select state, reason from parked_events`).toEqual([
    { state: 'waiting', reason: 'unknown_username' },
  ]);
  expect(await seen()).toEqual([expect.stringMatching(/^users /)]);

  await client.put(`/v1/users/${holder}`, { username: null, password_hash: null });
  await drain(system);
  expect(await system.db`select user_id, password_hash from users where password_hash is not null`).toEqual([
    { user_id: user, password_hash: hash },
  ]);
  expect(await seen()).toHaveLength(1);
});

test('the longest that is taken fits where it is sealed, whatever its letters', async () => {
  const system = await setup();
  const { url, keys } = await system.startApi();
  const client = createClient(url, keys.write);
  const longest = ['a', '字', '😀'].map((letter) => ({
    user_id: uuidv7(),
    password_hash: letter.repeat(1_000),
  }));
  for (const user of longest) {
    const { user_id, ...fields } = user;
    expect((await client.put(`/v1/users/${user_id}`, fields)).status).toBe(202);
    const longer = { password_hash: `${fields.password_hash}a` };
    expect((await client.put(`/v1/users/${user_id}`, longer)).status).toBe(400);
  }
  system.startWorkers();
  await drain(system);
  expect(await system.db`select user_id, password_hash from users order by user_id`).toEqual(longest);
});

test('one that cannot be opened is parked by itself, the others apply', async () => {
  const system = await setup();
  const [good, bad] = [uuidv7(), uuidv7()];
  const event = (user_id: string, password_hash: string) => ({
    job: jobs.upsertUsers,
    event: { event_id: uuidv7(), received_at: new Date().toISOString(), user_id, password_hash },
  });
  const other = await setup({ ZYRA_SECRET: 'another secret of thirty-two characters' });
  await applyNow(system.parts, [event(bad, other.sealer.seal(hash)), event(good, system.sealer.seal(hash))]);
  expect(await system.db`select user_id, password_hash from users`).toEqual([
    { user_id: good, password_hash: hash },
  ]);
  expect(await system.db`select state, reason, payload ->> 'user_id' as user_id from parked_events`).toEqual([
    { state: 'failed', reason: 'unreadable', user_id: bad },
  ]);
});
