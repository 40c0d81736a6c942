-- What answering needs beside the tables: the facts that go into every API process' memory, and the words of products.

-- Trusted: who owns the database may create it, where the server has it (package postgresql-contrib).
create extension if not exists pg_trgm;

-- Of two announcements of one product the one with the higher version is the newer.
create sequence announced_versions;

-- The words of each product and what searches filter by, kept by keep_product_texts. Facts are repeated here because a
-- word of the shop's matches thousands of products, and looking each of them up elsewhere is what would take the time.
create table product_texts (
  product_id uuid primary key references products,
  number integer not null,
  -- Tells whether the words must be taken anew.
  text_hash uuid not null,
  name_key text not null,
  sku_key text,
  name_words tsvector not null,
  words tsvector not null,
  available boolean not null,
  price numeric(10, 2),
  category_id integer
) with (fillfactor = 80);
-- Every search reads what has not been sorted into a GIN index yet, so that is kept short.
create unique index product_texts_number on product_texts (number);
create index product_texts_name_words on product_texts using gin (name_words) with (gin_pending_list_limit = 256);
create index product_texts_words on product_texts using gin (words) with (gin_pending_list_limit = 256);
-- Names may be longer than what a b-tree takes.
create index product_texts_name_key on product_texts using hash (name_key);
create index product_texts_sku_key on product_texts using hash (sku_key);

-- Every word some product has had, as it was written. What is typed and not in here is taken for its nearest.
create table search_words (word text primary key);
create index search_words_trigrams on search_words using gin (word gin_trgm_ops) with (gin_pending_list_limit = 256);

-- 33 octets: id, number, available, price in hundredths as a double (exact, being below 2^53; NaN without one), category
-- (0 without one). `src/serving/facts.ts` reads them.
create function pack_facts(id uuid, number integer, available boolean, price numeric, category_id integer) returns bytea
language sql immutable as $$
  select uuid_send(id) || int4send(number) || case when available then '\x01'::bytea else '\x00'::bytea end
    || float8send(coalesce((price * 100)::float8, 'NaN')) || int4send(coalesce(category_id, 0))
$$;

-- The names from the root down to each of these categories, in one line.
create function category_lines(ids integer[]) returns table (category_id integer, line text)
language sql stable as $$
  with recursive up(category_id, parent_id, line, depth) as (
    select c.category_id, c.parent_id, c.name::text, 1 from categories c where c.category_id = any(ids)
    union all
    select u.category_id, above.parent_id, above.name || ' ' || u.line, u.depth + 1
    from up u
    join categories above on above.category_id = u.parent_id
    where u.depth < 100
  )
  select category_id, line from up where parent_id is null
$$;

-- Take the words of these products, which have been announced, anew where their text is another, and what searches
-- filter by where that is.
create function keep_product_texts(ids uuid[]) returns void
language plpgsql set enable_seqscan = off as $$
begin
  -- Of two that read at once, the one that read first could write last.
  perform pg_advisory_xact_lock(7031, 9);
  with told as materialized (
    select p.product_id, n.number, p.name, p.sku, p.brand, coalesce(array_to_string(p.tags, ' '), '') as tags, c.line,
      p.short_description, p.long_description, coalesce(p.available, false) as available, p.price, p.category_id
    from unnest(ids) as wanted(product_id)
    cross join lateral (select * from products x where x.product_id = wanted.product_id offset 0) p
    cross join lateral (select x.number from product_numbers x where x.product_id = p.product_id offset 0) n
    left join category_lines(
      array(select distinct x.category_id from products x where x.product_id = any(ids) and x.category_id is not null)
    ) c on c.category_id = p.category_id
  ),
  hashed as materialized (
    select t.*,
      md5(concat_ws(E'\x1f', name, coalesce(sku, ''), coalesce(brand, ''), tags, coalesce(line, ''),
        coalesce(short_description, ''), coalesce(long_description, '')))::uuid as text_hash
    from told t
  ),
  refiled as (
    update product_texts k
    set available = h.available, price = h.price, category_id = h.category_id
    from hashed h
    where k.product_id = h.product_id and k.text_hash = h.text_hash
      and (k.available, k.price, k.category_id) is distinct from (h.available, h.price, h.category_id)
  ),
  reworded as materialized (
    select h.* from hashed h
    where not exists (select from product_texts k where k.product_id = h.product_id and k.text_hash = h.text_hash)
  ),
  spelled as (
    insert into search_words (word)
    select distinct word
    from reworded, unnest(tsvector_to_array(to_tsvector('simple', concat_ws(' ', name, brand, tags, line,
      short_description, long_description)))) as word
    where length(word) between 4 and 40 and word !~ '[0-9./:@_-]'
    order by 1
    on conflict do nothing
  )
  insert into product_texts (product_id, number, text_hash, name_key, sku_key, name_words, words, available, price,
    category_id)
  select product_id, number, text_hash, lower(name), lower(sku), to_tsvector('english', name),
    setweight(to_tsvector('english', name), 'A')
      || setweight(to_tsvector('english', concat_ws(' ', sku, brand, tags)), 'B')
      || setweight(to_tsvector('english', coalesce(line, '')), 'C')
      || setweight(to_tsvector('english', concat_ws(' ', short_description, long_description)), 'D'),
    available, price, category_id
  from reworded
  order by product_id
  on conflict (product_id) do update
    set text_hash = excluded.text_hash, name_key = excluded.name_key, sku_key = excluded.sku_key,
      name_words = excluded.name_words, words = excluded.words, available = excluded.available, price = excluded.price,
      category_id = excluded.category_id;
end
$$;

-- Number these products where they have no number yet, and pack what readers hold of them. One at a time, so that of two
-- announcements the one with the higher version never has the older facts.
create function announce_products(ids uuid[]) returns table (version bigint, facts bytea)
language plpgsql set enable_seqscan = off as $$
begin
  perform pg_advisory_xact_lock(7031, 8);
  perform number_products(ids);
  -- Taking the words of a product takes fifty times as long as telling its price, so that is done on its own.
  insert into dirty_keys (kind, key) select 'words', p.product_id from products p where p.product_id = any(ids);
  return query
  select nextval('announced_versions'), (
    select string_agg(pack_facts(p.product_id, n.number, p.available, p.price, p.category_id), ''::bytea)
    from products p
    join product_numbers n using (product_id)
    where p.product_id = any(ids));
end
$$;

-- The version that everything read from here on is at least as new as.
create function announced_version() returns bigint
language plpgsql as $$
begin
  -- Whoever announces has read the facts already, but not told them yet.
  perform pg_advisory_xact_lock_shared(7031, 8);
  return (select case when is_called then last_value else 0 end from announced_versions);
end
$$;

-- The facts of the next `size` products by number; `last` is the last of them, null after the end.
create function list_product_facts(after integer, size integer) returns table (last integer, facts bytea)
language sql stable set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off as $$
  select max(n.number), string_agg(pack_facts(p.product_id, n.number, p.available, p.price, p.category_id), ''::bytea)
  from (
    select x.product_id, x.number from product_numbers x where x.number > after order by x.number limit size
  ) n
  join products p using (product_id)
$$;

-- What was typed, with each word that no product has put right where a word that one has is near.
create function correct_words(typed text) returns text
language sql stable set enable_seqscan = off as $$
  select string_agg(coalesce(nearest.word, t.token), '' order by t.place)
  from ts_parse('default', typed) with ordinality as t(tokid, token, place)
  left join lateral (
    select w.word
    from search_words w
    where t.tokid in (1, 2, 9, 10, 11) and length(t.token) between 4 and 40
      and w.word % lower(t.token)
      and numnode(plainto_tsquery('english', t.token)) > 0
      and not exists (select from search_words known where known.word = lower(t.token))
      and not exists (select from product_texts k where k.words @@ plainto_tsquery('english', t.token))
    order by similarity(w.word, lower(t.token)) desc, abs(length(w.word) - length(t.token)), w.word
    limit 1
  ) nearest on true
  -- A compound comes whole and in parts; together the parts and what is between them are the text.
  where t.tokid not in (5, 15, 16, 17)
$$;

-- Products by their words: those with this very name or code first, then all words in the name, all words anywhere, and
-- some of the words, each only where too few came before. Of a common word's thousands some hundred are ranked. Of the
-- filters, `within` names the products where they are few: they are found by number then, not by looking through all that
-- have the words.
create function search_products(
  typed text, within integer[], categories integer[], at_least numeric, at_most numeric, size integer)
returns table (number integer, exact boolean, partial boolean)
-- Planned for these very values: which index is the better one depends on them.
language plpgsql stable set enable_seqscan = off set jit = off set plan_cache_mode = force_custom_plan as $$
#variable_conflict use_column
declare
  ranked constant integer := 300;
  key constant text := lower(trim(typed));
  asked constant tsquery := websearch_to_tsquery('english', correct_words(typed));
  -- What must not be in it would let everything else in.
  loosely constant tsquery := case when asked::text ~ '!' then null else replace(asked::text, ' & ', ' | ')::tsquery end;
begin
  return query
  with same as materialized (
    select k.number, k.words
    from product_texts k
    where (k.name_key = key or k.sku_key = key)
      and k.available and (within is null or k.number = any(within))
      and (categories is null or k.category_id = any(categories))
      and (at_least is null or k.price >= at_least) and (at_most is null or k.price <= at_most)
    limit size
  ),
  in_name as materialized (
    select k.number, k.words
    from product_texts k
    where k.name_words @@ asked
      and k.available and (within is null or k.number = any(within))
      and (categories is null or k.category_id = any(categories))
      and (at_least is null or k.price >= at_least) and (at_most is null or k.price <= at_most)
    limit ranked
  ),
  anywhere as materialized (
    select k.number, k.words
    from product_texts k
    where (select count(*) from in_name) < size and k.words @@ asked
      and k.available and (within is null or k.number = any(within))
      and (categories is null or k.category_id = any(categories))
      and (at_least is null or k.price >= at_least) and (at_most is null or k.price <= at_most)
    limit ranked
  ),
  in_part as materialized (
    select k.number, k.words
    from product_texts k
    where (select count(*) from in_name) < size and (select count(*) from anywhere) < size and k.words @@ loosely
      and k.available and (within is null or k.number = any(within))
      and (categories is null or k.category_id = any(categories))
      and (at_least is null or k.price >= at_least) and (at_most is null or k.price <= at_most)
    limit ranked
  ),
  found as (
    select f.number, min(f.tier) as tier,
      max(ts_rank(f.words, case f.tier when 3 then loosely else asked end, 1)) as rank
    from (
      select 0 as tier, number, words from same
      union all select 1, number, words from in_name
      union all select 2, number, words from anywhere
      union all select 3, number, words from in_part
    ) f
    group by f.number
  )
  select f.number, f.tier = 0, f.tier = 3
  from found f
  order by f.tier, f.rank desc, f.number
  limit size;
end
$$;
