-- Vaccination certificates by the documents whose doses they state. What a certificate says is not kept.
create table certificate_sources (
  bucket integer not null,
  record_id uuid not null,
  document_id uuid not null,
  kid text not null,
  rid text not null,
  constraint certificate_sources_pkey primary key (bucket, record_id, document_id, kid, rid)
) partition by hash (bucket);

-- The published lists of revoked certificates: random numbers, which name nobody and outlive the record.
create table revoked_certificates (
  kid text not null,
  rid text not null,
  revoked_at timestamptz not null,
  constraint revoked_certificates_pkey primary key (kid, rid)
);

do $$
begin
  for part in 0..7 loop
    execute format('create table certificate_sources_%s partition of certificate_sources for values with (modulus 8, remainder %s)',
                   part, part);
  end loop;
end
$$;

grant select, insert, delete on certificate_sources to {app};
grant select, insert on revoked_certificates to {app};
