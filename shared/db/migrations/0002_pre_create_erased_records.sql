-- Records that are to vanish or have vanished. A row is never removed: a late message must not bring one back.
-- `destroyed` counts what was removed so far; `acknowledged_at` is set when nothing is left here.

create table erased_records (
  record_id uuid not null,
  erasure_id uuid not null,
  erased_at timestamptz not null,
  destroyed jsonb not null default '{}',
  acknowledged_at timestamptz,
  constraint erased_records_pkey primary key (record_id)
);
create index erased_records_unacknowledged_idx on erased_records (erased_at) where acknowledged_at is null;
grant select, insert, update on erased_records to {app};
