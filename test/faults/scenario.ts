import type { Random } from '../support/random-shop.ts';
import type { Judge } from './judge.ts';
import type { Load } from './load.ts';
import type { Power } from './power.ts';
import type { Rig } from './rig.ts';
import type { Shop } from './shop-events.ts';

export type Scale = 's' | 'm' | 'l';

/** What a scenario works with. Its shop, its clients and all choices are its own and follow from the seed. */
export interface Stage {
  rig: Rig;
  judge: Judge;
  shop: Shop;
  /** Where there is a C compiler. */
  power: Power | undefined;
  load: Load;
  random: Random;
  /** The value for the scale of this run. */
  at: <T>(values: { s: T; m: T; l: T }) => T;
  /**
   * What a promised time is multiplied by: one where the machine is ours; more at the small scale, which runs beside other
   * tests on two cores, where a time tells an answer from a hang.
   */
  patience: number;
  /** What must hold beside the books; a sentence that is false makes the scenario red. */
  expect(holds: boolean, otherwise: string): void;
  /** Wait until it holds, at most this long. @returns how long it took; red when it did not. */
  until(what: string, holds: () => Promise<boolean>, withinMs: number): Promise<number>;
  note(line: string): void;
}

/** One kind of trouble. After `run` everything is repaired, drained and judged. */
export interface Scenario {
  name: string;
  /** What is promised, in a line. */
  promise: string;
  /** Processes reach the servers by way of wires. */
  wired?: boolean;
  /** It needs `power`, so where there is no C compiler it is left out, which is said. */
  powered?: boolean;
  /** For how long after it what is left may not get less before it counts as stuck. */
  drainMs?: number;
  run(stage: Stage): Promise<void>;
}
