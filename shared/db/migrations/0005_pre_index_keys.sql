-- An erasure deletes what waits about a record by its key, in both tables, for each of perhaps hundreds in one
-- transaction. Neither table is large for long: building an index holds writers up for a moment only.
-- squawk-ignore require-concurrent-index-creation
create index outbox_key_idx on outbox (key);
-- squawk-ignore require-concurrent-index-creation
create index parked_messages_key_idx on parked_messages (key);
