-- Warnings that a professional acknowledged, with the reason: sealed under the record's data key, in clear only where
-- they belong, the document of which they speak, and when. Nothing is kept of a warning that nobody acknowledged.
create table warning_acknowledgements (
  bucket integer not null,
  record_id uuid not null,
  id uuid not null,
  document_id uuid,
  acknowledged_at timestamptz not null,
  body bytea not null,
  constraint warning_acknowledgements_pkey primary key (bucket, record_id, id)
) partition by hash (bucket);

do $$
begin
  for part in 0..7 loop
    execute format('create table warning_acknowledgements_%1$s partition of warning_acknowledgements
                    for values with (modulus 8, remainder %1$s)', part);
  end loop;
end
$$;

grant select, insert, delete on warning_acknowledgements to {app};
