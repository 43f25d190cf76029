-- What the patient side measures: weight, blood pressure, glucose ... Every version stays until the record is erased.

-- In clear only the kind of measure and its day, by which it is listed; values, hours and texts are sealed under the
-- record's data key. `digest`: HMAC of the first version under a key of the record, so that one that is sent again is
-- found; null in later versions, and once the measure is deleted.
create table measures (
  bucket integer not null,
  record_id uuid not null,
  id uuid not null,
  version integer not null,
  life text not null default 'current',
  code text not null,
  measured_on date not null,
  masked boolean not null,
  deposited_by text not null,
  depositor_id text not null,
  digest bytea,
  recorded_at timestamptz not null,
  body bytea not null,
  constraint measures_pkey primary key (bucket, id, version),
  constraint measures_life_check check (life in ('current', 'superseded', 'deleted'))
) partition by hash (bucket);
create unique index measures_bucket_record_id_digest_key on measures (bucket, record_id, digest)
  where digest is not null;
create index measures_bucket_record_id_measured_on_idx on measures (bucket, record_id, measured_on, id);

do $$
begin
  for part in 0..7 loop
    execute format('create table measures_%1$s partition of measures for values with (modulus 8, remainder %1$s)', part);
  end loop;
end
$$;

grant select, insert, update, delete on measures to {app};
