import { setTimeout as delay } from 'node:timers/promises';
import type { Wire } from '../../support/faulty-wire.ts';
import type { Scenario, Stage } from '../scenario.ts';

/** What a wire can do, and for how long at each scale. */
const troubles: readonly [name: string, act: (wire: Wire, stage: Stage) => Promise<unknown>][] = [
  ['reset', async (wire) => wire.cut('reset')],
  ['end', async (wire) => wire.cut('end')],
  ['cut between request and reply', async (wire) => wire.cutReplies(3)],
  ['half open', async (wire) => wire.silence()],
  [
    'black hole',
    async (wire, { at }) => {
      wire.hold();
      await delay(at({ s: 2_000, m: 60_000, l: 60_000 }));
    },
  ],
  [
    '500 ms of delay',
    async (wire, { at }) => {
      wire.delay(500);
      await delay(at({ s: 1_500, m: 10_000, l: 10_000 }));
    },
  ],
  [
    '1 kB a second',
    async (wire, { at }) => {
      wire.throttle(1_024);
      await delay(at({ s: 1_500, m: 10_000, l: 10_000 }));
    },
  ],
];

const paths = [
  ['api', 'queue'],
  ['worker', 'queue'],
  ['worker', 'postgres'],
] as const;

export const network: readonly Scenario[] = paths.map(([kind, server]) => ({
  name: `F6-network-${kind}-${server}`,
  promise: `the way from every ${kind} to ${server} fails in every way a network can: nothing lost, nothing twice, no call hangs`,
  wired: true,
  drainMs: 90_000,
  async run(stage: Stage) {
    const { rig, load, at, random, expect, note, patience } = stage;
    const running = load.run({ clients: 6, eventsPerSecond: 100, givenUp: 0.02 });
    for (let round = 0; round < at({ s: 1, m: 6, l: 20 }); round += 1) {
      for (const [name, act] of random.shuffle(troubles)) {
        await delay(200 + random.below(300));
        await act(rig.wires[kind][server], stage);
        rig.wires[kind][server].repair();
        note(name);
      }
    }
    await running.finish();
    // A write to the queue has a second, the look at the queues before it is cached.
    expect(
      load.slowest() < 2_000 + 1_000 * patience,
      `the slowest answer took ${Math.round(load.slowest())} ms`,
    );
    expect(load.withoutAdvice() === 0, `${load.withoutAdvice()} refusals did not say when to ask again`);
  },
}));
