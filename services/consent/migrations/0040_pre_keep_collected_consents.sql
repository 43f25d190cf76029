-- What a structure last collected from the person about deposits and about consultation, and reported. An older report
-- that arrives later changes nothing, and a repeated one neither.
create table collected_consents (
  bucket integer not null,
  record_id uuid not null,
  organisation_id text not null,
  kind text not null,
  code text not null,
  collected_at timestamptz not null,
  stay_until timestamptz,
  constraint collected_consents_pkey primary key (bucket, record_id, organisation_id, kind)
) partition by hash (bucket);
do $$
begin
  for part in 0..7 loop
    execute format('create table collected_consents_%1$s partition of collected_consents
                    for values with (modulus 8, remainder %1$s)', part);
  end loop;
end
$$;

grant select, insert, update, delete on collected_consents to {app};
