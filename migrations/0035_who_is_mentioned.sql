-- Every id that a parked event names: an erasure looks for those of the person, and where thousands of events wait for what
-- is yet to come, reading each of them took a second, in which nobody else's reviews and votes were applied.
create index parked_events_mentions on parked_events using gin (uuids_in(payload::text));
