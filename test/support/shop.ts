import { v7 as uuidv7 } from 'uuid';
import type { Db } from '../../src/db/database.ts';
import type { Envelope } from '../../src/queue/define-job.ts';

/** Products that exist, as rows; asks only for how many. */
export const insertProducts = async (db: Db, count: number): Promise<string[]> => {
  const ids = Array.from({ length: count }, () => uuidv7());
  await db`
    insert into products (product_id, name, available)
    select id, 'Product ' || id, true from unnest(${ids}::uuid[]) as id`;
  return ids;
};

export type InteractionEvent = Envelope & Record<string, unknown>;

/** An interaction as the door hands it to the queue. */
export const interaction = (fields: Record<string, unknown> = {}): InteractionEvent => ({
  event_id: uuidv7(),
  received_at: new Date().toISOString(),
  user_id: uuidv7(),
  product_id: uuidv7(),
  event_type: 'view',
  ...fields,
});

export const countInteractions = async (db: Db): Promise<number> => {
  const [row] = await db<{ rows: number }>`select count(*)::integer as rows from interactions`;
  return row?.rows ?? 0;
};
