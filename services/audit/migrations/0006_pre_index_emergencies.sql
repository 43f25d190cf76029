-- The weekly list of a structure's emergencies. They are few: the index is small. The ledger is written from a topic that
-- waits, so that it may stand still while the index is made.
-- squawk-ignore require-concurrent-index-creation
create index ledger_entries_emergencies_idx on ledger_entries (organisation_id, occurred_at)
  where mode in ('bris_de_glace', 'centre_15');
