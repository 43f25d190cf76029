-- Lists the alerts of one record, newest first, for the page that shows them to its holder. Alerts are written by
-- consumers, which wait: they may stand still while the index is made.
-- squawk-ignore require-concurrent-index-creation
create index alerts_record_idx on alerts (bucket, record_id, caused_at, id);
