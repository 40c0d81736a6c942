-- Where each vector lies in the published files: which one, at which row. The vectors themselves are kept elsewhere.
-- No foreign key: object_id is the id of whatever object_type names.
create table embeddings_meta (
  id bigserial primary key,
  object_type varchar not null,
  object_id uuid not null,
  embedding_file varchar,
  vector_index integer,
  dim integer,
  created_at timestamptz default now(),
  -- A rebuild upserts the rows of its shard, so an object has one place.
  constraint embeddings_meta_object_type_object_id_key unique (object_type, object_id)
);
