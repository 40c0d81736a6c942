import { onTestFinished } from 'vitest';
import { stretchWire, type Wire } from './faulty-wire.ts';

/** A wire to a server that can fail as networks do. Ends with the test. */
export const layWire = async (to: string): Promise<Wire> => {
  const wire = await stretchWire(to);
  onTestFinished(() => wire.close());
  return wire;
};
