-- Who represents whom, who cares for whom, whom to call. People are named by the ids of their own records; what is
-- readable is sealed under keys of `persons`.

-- `basis`: why the holder is represented. `sealed`: the reference of the evidence. `ends_at`: as it was stated; that
-- the representation of a minor ends at 18 stands nowhere, since it would tell the birth date.
create table representations (
  bucket integer not null,
  id uuid not null,
  record_id uuid not null,
  representative_id uuid not null,
  basis text not null,
  evidence text not null,
  key_id text not null,
  sealed bytea not null,
  status text not null,
  starts_at timestamptz not null,
  ends_at timestamptz,
  requested_at timestamptz not null,
  settled_at timestamptz,
  ended_for text,
  constraint representations_pkey primary key (bucket, id),
  constraint representations_record_id_fkey foreign key (bucket, record_id) references records (bucket, id),
  constraint representations_basis_check check (basis in ('representative-of-minor', 'representative-of-adult')),
  constraint representations_evidence_check check (evidence in (
    'birth-certificate', 'family-booklet', 'court-decision', 'protection-mandate', 'insured-register')),
  constraint representations_status_check check (status in ('waiting', 'validated', 'refused', 'ended'))
) partition by hash (bucket);

-- Somebody who was invited and perhaps answered. `invited`: fingerprint of the INS that must answer; without it
-- whoever has the code. `sealed`: how the holder named them.
create table care_relations (
  bucket integer not null,
  id uuid not null,
  record_id uuid not null,
  carer_id uuid,
  invited text,
  code_hash text not null,
  key_id text not null,
  sealed bytea not null,
  status text not null,
  invited_at timestamptz not null,
  expires_at timestamptz not null,
  settled_at timestamptz,
  constraint care_relations_pkey primary key (bucket, id),
  constraint care_relations_record_id_fkey foreign key (bucket, record_id) references records (bucket, id),
  constraint care_relations_status_check
    check (status in ('pending', 'accepted', 'refused', 'expired', 'withdrawn', 'ended')),
  constraint care_relations_carer_id_check check (status not in ('accepted', 'ended') or carer_id is not null)
) partition by hash (bucket);

-- Holders under age. `due_month`: the first day of the month in which they come of age, no more of it; each of that
-- month is looked at once a day (`looked_on`). `own_sealed`: the contact that was theirs before a representative's.
create table minors (
  bucket integer not null,
  record_id uuid not null,
  due_month date not null,
  looked_on date,
  own_key_id text,
  own_sealed bytea,
  constraint minors_pkey primary key (bucket, record_id),
  constraint minors_record_id_fkey foreign key (bucket, record_id) references records (bucket, id),
  constraint minors_own_sealed_check check ((own_key_id is null) = (own_sealed is null))
) partition by hash (bucket);

-- Whom to call in an emergency, the trusted person (L1111-6), who helps: sealed JSON, the whole list.
create table people_to_call (
  bucket integer not null,
  record_id uuid not null,
  key_id text not null,
  sealed bytea not null,
  constraint people_to_call_pkey primary key (bucket, record_id),
  constraint people_to_call_record_id_fkey foreign key (bucket, record_id) references records (bucket, id)
) partition by hash (bucket);

do $$
declare
  parent text;
begin
  foreach parent in array array['representations', 'care_relations', 'minors', 'people_to_call'] loop
    for part in 0..3 loop
      execute format('create table %I partition of %I for values with (modulus 4, remainder %s)',
                     parent || '_' || part, parent, part);
    end loop;
  end loop;
end
$$;

create unique index representations_bucket_record_id_representative_id_key
  on representations (bucket, record_id, representative_id) where status in ('waiting', 'validated');
create index representations_record_id_idx on representations (bucket, record_id);
create index representations_representative_id_idx on representations (representative_id);
create index representations_ends_at_idx on representations (ends_at) where status = 'validated';
create unique index care_relations_bucket_record_id_carer_id_key
  on care_relations (bucket, record_id, carer_id) where status = 'accepted';
create index care_relations_record_id_idx on care_relations (bucket, record_id);
create index care_relations_carer_id_idx on care_relations (carer_id);
create index care_relations_code_hash_idx on care_relations (code_hash);
create index care_relations_invited_idx on care_relations (invited) where status = 'pending';
create index care_relations_expires_at_idx on care_relations (expires_at) where status = 'pending';
create index care_relations_settled_at_idx on care_relations (settled_at) where status in ('refused', 'expired', 'withdrawn');
create index minors_due_month_idx on minors (due_month, looked_on);

grant select, insert, update, delete on representations, care_relations, minors, people_to_call to {app};
