-- Whether the other services know that a record is closed because its holder has died. Deaths that were recorded before
-- they could be told so are announced by the worker, one record at a time.
alter table closures add column is_death_announced boolean not null default false;
-- Closed records are few, and only deaths are indexed: the table is not locked for long.
-- squawk-ignore require-concurrent-index-creation
create index closures_unannounced_idx on closures (closed_at) where cause = 'death' and not is_death_announced;
