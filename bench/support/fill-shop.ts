import type { Db } from '../../src/db/database.ts';
import { generateSignals, type ShopSize } from './large-shop.ts';

const words = (
  'lamp chair table kettle heater camera phone cable charger watch shoe jacket shirt mixer grinder book pen bag bottle ' +
  'speaker headphone keyboard mouse printer tent rope ball racket glove helmet brush soap cream perfume ring chain'
).split(' ');
const kinds =
  'red blue green black white small large steel wooden cotton leather glass light heavy fast quiet'.split(
    ' ',
  );

const batch = 50_000;

/**
 * Put a generated shop into an empty database, as rows copied in by hand are: what follows from them, vectors, index,
 * model and lists, is the system's own to make.
 */
export const fillShop = async (db: Db, size: ShopSize): Promise<void> => {
  const signals = generateSignals(size);
  await db`
    insert into products (product_id, name, short_description, available, price, currency)
    select gen_random_uuid(),
      (${kinds}::text[])[1 + n % ${kinds.length}] || ' ' || (${words}::text[])[1 + (n / 16) % ${words.length}] || ' ' || n,
      (${kinds}::text[])[1 + (n * 7) % ${kinds.length}] || ' ' || (${words}::text[])[1 + (n * 13) % ${words.length}],
      true, 10 + n % 500, 'EUR'
    from generate_series(1, ${size.items}) as n`;
  await db`
    insert into users (user_id, is_anonymous, is_active) select gen_random_uuid(), false, true from generate_series(1, ${size.users})`;
  const products = (await db<{ id: string }>`select product_id as id from products`).map(({ id }) => id);
  const users = (await db<{ id: string }>`select user_id as id from users`).map(({ id }) => id);
  for (let from = 0; from < signals.users.length; from += batch) {
    const part = <T>(values: ArrayLike<number>, make: (value: number) => T): T[] =>
      Array.from({ length: Math.min(batch, values.length - from) }, (_, at) =>
        make(values[from + at] as number),
      );
    await db`
      insert into interactions (user_id, product_id, event_type, created_at)
      select u, p, e, to_timestamp(t)
      from unnest(${part(signals.users, (user) => users[user] as string)}::uuid[],
        ${part(signals.items, (item) => products[item] as string)}::uuid[],
        ${part(signals.weights, (weight) => (weight > 1 ? 'add_to_cart' : 'view'))}::varchar[],
        ${part(signals.times, (time) => time)}::float8[]) as given(u, p, e, t)`;
  }
  await db`select adopt_rows()`;
  await db`analyze`;
};
