import { v5 as uuidv5 } from 'uuid';
import { z } from 'zod';
import { freshId } from './fresh-id.ts';

/** Fixed for ever: another namespace would give the repeat of a request other ids, and it would count twice. */
const namespace = '5f6a2d4e-9f0b-4f63-8d0c-7c1f8c5b7a11';

/** 1 to 255 printable ASCII characters. */
export const idempotencyKey = z
  .string()
  .regex(/^[\x20-\x7e]{1,255}$/, 'must be 1 to 255 printable ASCII characters')
  .meta({
    description:
      'Gives the events without `event_id` ids that depend only on the app, this key and their position in the body, so that the same body can be sent again without counting twice.',
  });

/** The headers of every intake route. */
export const intakeHeaders = z.object({ 'idempotency-key': idempotencyKey.optional() });

/**
 * How events without an id get one: from the app, the key and the position in the body when there is an
 * `Idempotency-Key`, else a new one each.
 */
export const eventIds = (app: string, key: string | undefined): ((position: number) => string) => {
  if (key === undefined) return freshId;
  // JSON keeps the parts apart, so that no app can name another's events.
  return (position) => uuidv5(JSON.stringify([app, key, position]), namespace);
};
