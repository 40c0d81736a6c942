import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { createClient } from '../../support/client.ts';
import type { ServerName } from '../../support/deploy.ts';
import type { Power } from '../power.ts';
import type { Scenario, Stage } from '../scenario.ts';
import type { ShopEvent } from '../shop-events.ts';

/** The disk of a server is full for a while; what that ends is started again, as a supervisor would. */
const fillDisk = async ({ rig, power, note, expect }: Stage, server: ServerName, forMs: number) => {
  const { fill, free } = power as Power;
  const process = rig.system.servers[server];
  let ended = false;
  void process.exited.then(() => {
    ended = true;
  });
  await fill(server);
  await delay(forMs);
  await free(server);
  // Long enough for a process that is about to end.
  await delay(500);
  const refused = readFileSync(
    join(rig.system.dir, server, server === 'postgres' ? 'postgres.log' : 'redis.log'),
    'utf8',
  );
  expect(refused.includes('No space left on device'), `${server} never met the full disk`);
  note(`${server}: ${ended ? 'ended, and is started again' : 'lives'}`);
  if (ended) await rig.restartServer(server);
};

export const disk: readonly Scenario[] = [
  {
    name: 'F4-power-cut',
    promise: 'Redis loses its power, and with it whatever was not synced: nothing that was accepted',
    powered: true,
    async run(stage) {
      const { rig, load, power, at, random, note } = stage;
      const { cut } = power as Power;
      const running = load.run({ clients: 6, eventsPerSecond: 200, givenUp: 0.02 });
      let lost = 0;
      for (let round = 0; round < at({ s: 2, m: 20, l: 20 }); round += 1) {
        await delay(300 + random.below(700));
        // What was just accepted is still in the queue: nobody takes it out.
        await Promise.all(rig.worker.map((worker) => worker.signal('SIGSTOP')));
        await delay(400);
        await rig.killServer('queue');
        lost += await cut('queue');
        await rig.restartServer('queue');
        await Promise.all(rig.worker.map((worker) => worker.signal('SIGCONT')));
      }
      await running.finish();
      note(`${lost} bytes that were never synced are gone`);
    },
  },
  {
    name: 'F15-disk-full',
    promise:
      'no space for PostgreSQL, then for Redis: intake goes on or says 503, all is applied when there is space again',
    powered: true,
    async run(stage) {
      const { load, at, expect } = stage;
      const forMs = at({ s: 2_500, m: 20_000, l: 60_000 });
      const running = load.run({ clients: 4, eventsPerSecond: 100 });
      await delay(500);
      await fillDisk(stage, 'postgres', forMs);
      await delay(1_000);
      await fillDisk(stage, 'queue', forMs);
      await running.finish();
      const odd = [...load.statuses.keys()].filter((status) => status === '500');
      expect(odd.length === 0, 'some were answered 500');
    },
  },
  {
    name: 'D6-backup-and-restore',
    promise:
      'both servers are lost and restored from a backup, Redis first; clients send again what came after: nothing lost, nothing twice',
    async run(stage) {
      const { rig, load, shop, at, note } = stage;
      const { dir, servers } = rig.system;
      const sent: ShopEvent[] = [];
      const keep = () => {
        const event = shop.next();
        sent.push(event);
        return event;
      };
      const running = load.run({ clients: 4, eventsPerSecond: at({ s: 100, m: 500, l: 1_000 }), next: keep });
      await delay(at({ s: 2_000, m: 20_000, l: 60_000 }));
      const copy = (from: string, to: string) => execFileSync('cp', ['-a', from, to]);
      // As the documentation has it: Redis first, then PostgreSQL. The copies are what a snapshot of the disk would be.
      const client = createClient(rig.urls()[0] as string, rig.system.keys.admin);
      const { status } = await client.get('/healthz');
      stage.expect(status === 200, 'the API does not live');
      servers.queue.kill('SIGSTOP');
      copy(join(dir, 'queue/appendonlydir'), join(dir, 'queue-backup'));
      servers.queue.kill('SIGCONT');
      await delay(500);
      await rig.killServer('postgres');
      copy(join(dir, 'postgres/cluster'), join(dir, 'postgres-backup'));
      await rig.restartServer('postgres');
      const since = sent.length;
      await delay(at({ s: 2_000, m: 20_000, l: 60_000 }));
      await running.finish();

      // The disaster.
      await Promise.all([...rig.api, ...rig.worker, rig.scheduler].map((slot) => slot.stop('SIGKILL')));
      await rig.killServer('queue');
      await rig.killServer('postgres');
      for (const [backup, place] of [
        ['queue-backup', 'queue/appendonlydir'],
        ['postgres-backup', 'postgres/cluster'],
      ] as const) {
        rmSync(join(dir, place), { recursive: true });
        execFileSync('mv', [join(dir, backup), join(dir, place)]);
      }
      rmSync(join(dir, 'postgres/cluster/postmaster.pid'), { force: true });
      await rig.settle();
      // The last hour, or more than that: everything may come again.
      await load.send(sent, { batch: 500 });
      note(`${sent.length - since} events came after the backup, ${sent.length} were sent again`);
    },
  },
  {
    name: 'D5-books-close',
    promise:
      'what was accepted is settled: the figure that alarms, accepted minus applied and parked, is nought when idle',
    async run({ rig, load, until, patience, expect }) {
      await load.run({ clients: 2, eventsPerSecond: 200 }).finish(200);
      const admin = createClient(rig.urls()[0] as string, rig.system.keys.admin);
      await until(
        'nothing is open in the books',
        async () => /^zyra_intake_open_events 0$/m.test((await admin.get('/metrics')).text),
        patience * 120_000,
      );
      // Whatever the scenarios before did to jobs and connections.
      expect(
        /^zyra_intake_missing_events_total 0$/m.test((await admin.get('/metrics')).text),
        'a false alarm',
      );
    },
  },
];
