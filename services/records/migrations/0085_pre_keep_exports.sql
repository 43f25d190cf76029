-- Copies of whole records that are prepared for the holder or a representative: one for each person and record, for a
-- day. `acts_in`: the record for which the person's token was issued. `records`: whose documents it has: the record, and
-- the person's other record if they were linked. `position`: the last document that was read. `opening`: the files
-- before the documents, sealed, once it is ready.
create table exports (
  id uuid not null,
  record_id uuid not null,
  records uuid[] not null,
  requester_id text not null,
  requester_kind text not null,
  client_id text not null,
  acts_in uuid not null,
  state text not null default 'preparing',
  failure text,
  started_at timestamptz not null,
  expires_at timestamptz not null,
  due_at timestamptz not null,
  attempts integer not null default 0,
  total integer,
  documents integer not null default 0,
  parts integer not null default 0,
  position uuid,
  size bigint,
  opening bytea,
  constraint exports_pkey primary key (id),
  constraint exports_record_id_requester_id_key unique (record_id, requester_id),
  constraint exports_state_check check (state in ('preparing', 'ready', 'failed')),
  constraint exports_requester_kind_check check (requester_kind in ('patient', 'representative')),
  constraint exports_opening_check check ((opening is not null) = (state = 'ready')),
  constraint exports_failure_check check ((failure is not null) = (state = 'failed'))
);
alter table exports alter column opening set storage external;
create index exports_due_at_idx on exports (due_at) where state = 'preparing';
create index exports_expires_at_idx on exports (expires_at);
create index exports_records_idx on exports using gin (records);

-- The documents of a copy, some in each part, in the order of the archive: what the archive says of them, and their FHIR
-- resources, sealed under the data key of the copy's record. Their contents stay in `contents`.
create table export_parts (
  bucket integer not null,
  export_id uuid not null,
  number integer not null,
  document_ids uuid[] not null,
  documents bytea not null,
  resources bytea not null,
  constraint export_parts_pkey primary key (bucket, export_id, number)
) partition by hash (bucket);

do $$
begin
  for part in 0..7 loop
    execute format('create table export_parts_%1$s partition of export_parts
                    for values with (modulus 8, remainder %1$s)', part);
    execute format('alter table export_parts_%1$s alter column documents set storage external', part);
    execute format('alter table export_parts_%1$s alter column resources set storage external', part);
  end loop;
end
$$;

grant select, insert, update, delete on exports to {app};
grant select, insert, delete on export_parts to {app};
