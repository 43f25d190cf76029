-- Persons and their records, the directory, registered software. Whatever is readable of a person is sealed.

-- Sealed JSON of the INS and the strict traits (AES-256-GCM under `key_id`, bound to the person's id).
create table persons (
  bucket integer not null,
  id uuid not null,
  key_id text not null,
  sealed bytea not null,
  created_at timestamptz not null,
  constraint persons_pkey primary key (bucket, id)
) partition by hash (bucket);

-- The state of a record; `in_force_version` is what records has told to have applied.
create table records (
  bucket integer not null,
  id uuid not null,
  person_id uuid not null,
  status text not null,
  version integer not null,
  in_force_version integer not null default 0,
  opened_at timestamptz not null,
  constraint records_pkey primary key (bucket, id),
  constraint records_person_id_key unique (bucket, person_id),
  constraint records_person_id_fkey foreign key (bucket, person_id) references persons (bucket, id),
  constraint records_status_check check (status in ('open', 'closed')),
  constraint records_version_check check (version >= 1 and in_force_version >= 0)
) partition by hash (bucket);

-- Sealed JSON of mail, language and relation.
create table contacts (
  bucket integer not null,
  record_id uuid not null,
  version integer not null,
  key_id text not null,
  sealed bytea not null,
  constraint contacts_pkey primary key (bucket, record_id),
  constraint contacts_record_id_fkey foreign key (bucket, record_id) references records (bucket, id),
  constraint contacts_version_check check (version >= 1)
) partition by hash (bucket);

do $$
declare
  parent text;
begin
  foreach parent in array array['persons', 'records', 'contacts'] loop
    for part in 0..3 loop
      execute format('create table %I partition of %I for values with (modulus 4, remainder %s)',
                     parent || '_' || part, parent, part);
    end loop;
  end loop;
end
$$;

-- From the fingerprint of an INS to its record: the one look-up that does not know the bucket.
create table ins_fingerprints (
  fingerprint text not null,
  record_id uuid not null,
  constraint ins_fingerprints_pkey primary key (fingerprint)
);

create table structures (
  id text not null,
  name text not null,
  status text not null,
  version integer not null,
  constraint structures_pkey primary key (id),
  constraint structures_status_check check (status in ('active', 'inactive')),
  constraint structures_version_check check (version >= 1)
);

create table professionals (
  id text not null,
  name text not null,
  profession text not null,
  status text not null,
  structure_ids text[] not null,
  version integer not null,
  constraint professionals_pkey primary key (id),
  constraint professionals_status_check check (status in ('active', 'inactive')),
  constraint professionals_version_check check (version >= 1)
);

create table clients (
  id text not null,
  name text not null,
  kind text not null,
  scopes text[] not null,
  jwks jsonb not null,
  organisation_id text,
  status text not null default 'active',
  created_at timestamptz not null default clock_timestamp(),
  constraint clients_pkey primary key (id),
  constraint clients_name_key unique (name),
  constraint clients_organisation_id_fkey foreign key (organisation_id) references structures (id),
  constraint clients_kind_check check (kind in ('software', 'administrator', 'operator')),
  constraint clients_status_check check (status in ('active', 'disabled'))
);

-- Assertions that have been used, until they expire.
create table used_assertions (
  client_id text not null,
  digest bytea not null,
  expires_at timestamptz not null,
  constraint used_assertions_pkey primary key (client_id, digest)
);
create index used_assertions_expires_at_idx on used_assertions (expires_at);

grant select, insert, update on persons, records, contacts, ins_fingerprints, structures, professionals, clients to {app};
grant select, insert, delete on used_assertions to {app};
