-- One key per record, wrapped: what of the ledger is free text (motives) lies under it, and dies with its row.
create table record_keys (
  bucket integer not null,
  record_id uuid not null,
  kid text not null,
  wrapped bytea not null,
  created_at timestamptz not null default clock_timestamp(),
  constraint record_keys_pkey primary key (bucket, record_id)
) partition by hash (bucket);
do $$
begin
  for part in 0..7 loop
    execute format('create table record_keys_%1$s partition of record_keys
                    for values with (modulus 8, remainder %1$s)', part);
  end loop;
end
$$;
grant select, insert, delete on record_keys to {app};

-- Of a document seen before nobody said whether a representative may know of it: no.
alter table document_visibilities add column visible_to_representatives boolean not null default false;
