import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { type UserList, userListKey, viewList, writeLists } from '../../../src/serving/user-list.ts';
import { createClient } from '../../support/client.ts';
import type { Slot } from '../rig.ts';
import type { Scenario } from '../scenario.ts';
import { judgeServing } from '../serving.ts';

const makers = ['embed-products', 'publish-index', 'build-shard', 'refresh-users', 'refresh-similar'];

export const derived: readonly Scenario[] = [
  {
    name: 'F17-kill-inside-derived',
    promise:
      'workers die inside embedding, building, publishing and making lists: no torn file, all as made anew (D3)',
    drainMs: 90_000,
    async run(stage) {
      const { rig, load, shop, random, at, note, patience } = stage;
      const running = load.run({
        ...{ clients: 2, eventsPerSecond: 40, batch: 5 },
        next: () => (random.chance(0.3) ? shop.rewrite() : shop.next()),
      });
      for (let kill = 0; kill < at({ s: 2, m: 20, l: 100 }); kill += 1) {
        const target = rig.worker[kill % rig.worker.length] as Slot;
        const before = target.ownEnds;
        await target.stop('SIGTERM');
        const job = makers[kill % makers.length] as string;
        const started = target.start({
          ...{ FAULT_POINT: 'derived-fetched', FAULT_MARK: job, FAULT_DELAY: String(random.below(150)) },
        });
        const deadline = Date.now() + patience * 6_000;
        while (target.ownEnds === before && Date.now() < deadline) await delay(20);
        await started;
        if (target.ownEnds > before) rig.kills += 1;
        else await rig.killProcess(target);
        note(`${target.ownEnds > before ? 'died inside' : 'was killed, never having come to'} ${job}`);
      }
      await running.finish();
      await rig.settle();
      await judgeServing(stage);
    },
  },
  {
    name: 'F18-cache-wiped',
    promise:
      'the cache Redis loses everything: the queue is untouched, reads stay 200 and full, lists come back',
    async run(stage) {
      const { rig, load, shop, expect, until, patience, at } = stage;
      const running = load.run({ clients: 2, eventsPerSecond: 100 });
      const read = createClient(rig.urls()[0] as string, rig.system.keys.read);
      const redis = new Redis(rig.system.servers.cache.url);
      const reader = async () => {
        for (const user of shop.buyers.slice(0, 10)) {
          const { status, json } = await read.get(`/v1/users/${user}/recommendations`);
          expect(status === 200 && json.items.length > 0, `a list was answered ${status}`);
        }
      };
      await reader();
      for (let round = 0; round < at({ s: 3, m: 20, l: 50 }); round += 1) {
        await redis.flushall();
        await reader();
      }
      await running.finish();
      const [user] = shop.buyers as [string];
      await load.send([shop.interaction({ user_id: user })]);
      await until(
        'a list is made again',
        async () => (await redis.exists(userListKey('zyra', user))) === 1,
        patience * 15_000,
      );
      redis.disconnect();
      await judgeServing(stage);
    },
  },
  {
    name: 'D4-older-refresh-later',
    promise: 'lists written in any order, many at once: an older one never stands in the place of a newer',
    async run({ rig, random, at, expect }) {
      const redis = new Redis(rig.system.servers.cache.url);
      const prefix = 'faults';
      const users = Array.from({ length: at({ s: 200, m: 1_000, l: 1_000 }) }, random.uuid);
      const list = (version: number): UserList => ({
        ...{ version, modelVersion: 1, generation: 1, entries: [], signals: [], known: [version] },
      });
      const versions = random.shuffle([1, 2, 3, 4, 5, 6, 7, 8]);
      await Promise.all(
        users.flatMap((userId) =>
          random
            .shuffle(versions)
            .map((version) =>
              writeLists(redis, prefix, [{ userId, list: list(version) }], { ttlSeconds: 600 }),
            ),
        ),
      );
      let older = 0;
      for (const userId of users) {
        const key = userListKey(prefix, userId);
        const octets = await redis.getBuffer(key);
        if (!octets || viewList(octets)?.version !== 8) older += 1;
        await redis.del(key);
      }
      redis.disconnect();
      expect(older === 0, `${older} of ${users.length} lists are not the newest`);
    },
  },
];
