-- The insured register and the progress of imports; what the directory says of specialties.

-- One row per insured person. In clear only what a campaign selects by; `sealed` is JSON of number, traits, used names
-- and addresses (AES-256-GCM under `key_id`, bound to the id). `fingerprint` is the keyed hash of the INS, `id` and
-- `bucket` are made from it; `card` is the keyed hash of the INS and the serial number of the Vitale card; `content` is
-- that of everything the register says, so that the same line again changes nothing.
create table insured (
  bucket integer not null,
  id uuid not null,
  fingerprint text not null,
  card text,
  birth_year integer not null,
  region text not null,
  regime text not null,
  identity_status text not null,
  content text not null,
  key_id text not null,
  sealed bytea not null,
  constraint insured_pkey primary key (bucket, id),
  constraint insured_identity_status_check
    check (identity_status in ('provisional', 'retrieved', 'validated', 'qualified'))
) partition by hash (bucket);

do $$
begin
  for part in 0..3 loop
    execute format('create table %I partition of insured for values with (modulus 4, remainder %s)',
                   'insured_' || part, part);
  end loop;
end
$$;

-- How far a file was read: `byte_offset` and the counts belong to the rows that were committed with them.
-- `rejected_bytes` is the length of the file of rejected lines at that moment; `cursor` is where the applying of a
-- directory stands.
create table imports (
  kind text not null,
  file_digest bytea not null,
  file_size bigint not null,
  byte_offset bigint not null default 0,
  lines bigint not null default 0,
  changed bigint not null default 0,
  rejected bigint not null default 0,
  rejected_bytes bigint not null default 0,
  unreadable bigint not null default 0,
  step text not null default 'reading',
  cursor text not null default '',
  started_at timestamptz not null,
  finished_at timestamptz,
  constraint imports_pkey primary key (kind, file_digest, file_size),
  constraint imports_kind_check check (kind in ('insured', 'directory')),
  constraint imports_step_check check (step in ('reading', 'structures', 'professionals', 'absent', 'done'))
);

-- The lines of the directory file that is being imported: they are merged by professional when all have been read.
create table directory_lines (
  professional_id text not null,
  line bigint not null,
  name text not null,
  profession text,
  specialty text,
  structure_id text,
  structure_name text,
  constraint directory_lines_pkey primary key (professional_id, line)
);
create index directory_lines_structure_id_idx on directory_lines (structure_id) where structure_id is not null;

alter table professionals add column specialties text[] not null default '{}';

grant select, insert, update on insured, imports to {app};
grant select, insert, delete, truncate on directory_lines to {app};
