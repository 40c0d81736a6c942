import type { Scenario } from '../scenario.ts';
import { processes } from './processes.ts';
import { servers } from './servers.ts';

/** Every scenario, in the order in which they are played. */
export const scenarios: readonly Scenario[] = [...processes, ...servers];
