import type { Scenario } from '../scenario.ts';
import { derived } from './derived.ts';
import { disk } from './disk.ts';
import { events } from './events.ts';
import { network } from './network.ts';
import { overload } from './overload.ts';
import { processes } from './processes.ts';
import { servers } from './servers.ts';

/** Every scenario, in the order in which they are played: those that restart everything last. */
export const scenarios: readonly Scenario[] = [
  ...processes,
  ...servers,
  ...events,
  ...derived,
  ...overload,
  ...disk,
  ...network,
];
