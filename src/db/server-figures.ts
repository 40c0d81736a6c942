import type { Db } from './database.ts';

export interface ServerFigures {
  /** Connections the server has, ours and others', and how many it allows. */
  used: number;
  allowed: number;
  /** Bytes of our database. What its disk has left is not ours to see. */
  bytes: number;
}

export const findServerFigures = async (db: Db): Promise<ServerFigures> => {
  const [row] = await db<ServerFigures>`
    select count(*)::integer as used, current_setting('max_connections')::integer as allowed,
      pg_database_size(current_database()) as bytes
    from pg_stat_activity where backend_type = 'client backend'`;
  return row ?? { used: 0, allowed: 0, bytes: 0 };
};

/** What is served now; epoch seconds, and null before the first of a kind. */
export interface ServedFigures {
  model: number | null;
  model_trained: number | null;
  index_generation: number | null;
  index_published: number | null;
}

export const findServedFigures = async (db: Db): Promise<ServedFigures> => {
  const [row] = await db<ServedFigures>`
    select m.version as model, extract(epoch from m.trained_at)::float8 as model_trained,
      i.generation as index_generation, extract(epoch from i.published_at)::float8 as index_published
    from (select) as always
    left join models m on m.state = 'serving'
    left join vector_indexes i on i.serving and i.manifest is not null`;
  return row ?? { model: null, model_trained: null, index_generation: null, index_published: null };
};
