-- What a médecin traitant signed in a version of the summary sheet, beside the document itself: the lines, sealed under
-- the record's data key. `ended_at`: when the doctor's status ended in this record; null: it lasts.
create table summary_versions (
  bucket integer not null,
  record_id uuid not null,
  document_id uuid not null,
  doctor_id text not null,
  ended_at timestamptz,
  lines bytea not null,
  constraint summary_versions_pkey primary key (bucket, record_id, document_id)
) partition by hash (bucket);

do $$
begin
  for part in 0..7 loop
    execute format('create table summary_versions_%1$s partition of summary_versions
                    for values with (modulus 8, remainder %1$s)', part);
  end loop;
end
$$;

grant select, insert, update, delete on summary_versions to {app};
