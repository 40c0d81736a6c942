import postgres from 'postgres';
import type { Interaction } from '../support/interactions.ts';

interface BareInsert {
  url: string;
  connections: number;
  perStatement: number;
}

/**
 * The limit of writing interactions: the bare rows from arrays that are ready, so many in a statement, so many statements
 * at once; no ledger, nothing resolved, nothing noted. @returns how long it took, in seconds.
 */
export const insertBare = async (
  rows: readonly Interaction[],
  count: number,
  { url, connections, perStatement }: BareInsert,
): Promise<number> => {
  const column = (name: keyof Interaction, from: number, size: number) =>
    Array.from({ length: size }, (_, at) => rows[(from + at) % rows.length]?.[name] as string);
  const batches = Array.from({ length: Math.ceil(count / perStatement) }, (_, at) => {
    const from = at * perStatement;
    const size = Math.min(perStatement, count - from);
    const of = (name: keyof Interaction) => column(name, from, size);
    return [of('user_id'), of('product_id'), of('session_id'), of('event_type'), of('platform')] as const;
  });
  const sql = postgres(url, { max: connections });
  try {
    await Promise.all(Array.from({ length: connections }, () => sql`select pg_sleep(0.05)`));
    const began = performance.now();
    let next = 0;
    const insert = async () => {
      for (let batch = batches[next++]; batch; batch = batches[next++]) {
        const [users, products, sessions, types, platforms] = batch;
        await sql`
          insert into interactions
            (user_id, product_id, session_id, event_type, event_value, platform, device, created_at)
          select u, p, s, t, null, f, null, now()
          from unnest(${users}::uuid[], ${products}::uuid[], ${sessions}::uuid[], ${types}::varchar[],
            ${platforms}::varchar[]) as given(u, p, s, t, f)`;
      }
    };
    await Promise.all(Array.from({ length: connections }, insert));
    return (performance.now() - began) / 1_000;
  } finally {
    await sql.end();
  }
};
