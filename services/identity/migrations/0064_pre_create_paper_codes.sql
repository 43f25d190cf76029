-- Single-use codes that a holder printed. `code_hash`: keyed hash; the codes are shown once.
create table paper_codes (
  bucket integer not null,
  record_id uuid not null,
  position integer not null,
  code_hash text not null,
  printed_at timestamptz not null,
  used_at timestamptz,
  constraint paper_codes_pkey primary key (bucket, record_id, position)
) partition by hash (bucket);

do $$
begin
  for part in 0..3 loop
    execute format('create table paper_codes_%s partition of paper_codes for values with (modulus 4, remainder %s)',
                   part, part);
  end loop;
end
$$;

grant select, insert, update, delete on paper_codes to {app};

-- Used codes are not compared any more.
select watch_keys('paper_codes', 'code_hash', 'persons', 'fingerprint', 'used_at is null');
