-- Lists of people to call are announced for records: each change has the next version. 0: an older list, which a loop of
-- the worker announces.
alter table people_to_call add column version integer not null default 0;
-- Lists are written rarely, and a partitioned table takes no index concurrently.
-- squawk-ignore require-concurrent-index-creation
create index people_to_call_version_idx on people_to_call (bucket, record_id) where version = 0;
