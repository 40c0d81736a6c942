-- A key may end by itself, so that a rotation needs nobody to come back, and may be held to a rate.
alter table api_keys
  add column expires_at timestamptz,
  -- Requests a second; null for as many as the system can take.
  add column rate double precision check (rate > 0);
