-- Copies of the neighbours' states, documents, contents, deposits. What grows with the documents is partitioned by the
-- record's bucket, comes first in every key, and is named by every statement.

-- Which records exist, as identity says. `traits`: fingerprints of the strict traits by name.
create table records (
  bucket integer not null,
  id uuid not null,
  version bigint not null,
  partition integer not null,
  status text not null,
  ins text not null,
  traits jsonb not null,
  constraint records_pkey primary key (bucket, id),
  constraint records_status_check check (status in ('open', 'closed'))
) partition by hash (bucket);

-- The way from an INS's fingerprint to its record; not partitioned, because it is how the bucket becomes known.
create table record_fingerprints (
  ins text not null,
  bucket integer not null,
  record_id uuid not null,
  constraint record_fingerprints_pkey primary key (ins)
);

-- One data key per record, wrapped by the key-encryption key `kid`. Without its row nothing of the record can be read.
create table record_keys (
  bucket integer not null,
  record_id uuid not null,
  kid text not null,
  wrapped bytea not null,
  created_at timestamptz not null default clock_timestamp(),
  constraint record_keys_pkey primary key (bucket, record_id)
) partition by hash (bucket);

-- What the persons chose, as consent says.
create table consent_states (
  bucket integer not null,
  record_id uuid not null,
  version bigint not null,
  partition integer not null,
  authorised text[] not null,
  blocked text[] not null,
  emergency jsonb not null,
  constraint consent_states_pkey primary key (bucket, record_id)
) partition by hash (bucket);

-- One submission. Its documents in the order in which they came.
create table deposits (
  bucket integer not null,
  id uuid not null,
  record_id uuid not null,
  organisation_id text not null,
  client_id text not null,
  document_ids uuid[] not null,
  received_at timestamptz not null,
  constraint deposits_pkey primary key (bucket, id)
) partition by hash (bucket);

-- The request as it came, but for the contents, sealed.
create table deposit_requests (
  bucket integer not null,
  deposit_id uuid not null,
  body bytea not null,
  constraint deposit_requests_pkey primary key (bucket, deposit_id)
) partition by hash (bucket);
alter table deposit_requests alter column body set storage external;

-- An organisation's own deposits in the order of time (their ids sort by it).
create table organisation_deposits (
  organisation_id text not null,
  deposit_id uuid not null,
  constraint organisation_deposits_pkey primary key (organisation_id, deposit_id)
) partition by hash (organisation_id);

-- What is needed to find and to decide; everything readable is in `contents`, sealed.
-- `unique_id`: HMAC under the record's data key of what the producer named the document; null once it is refused, so
-- that the name is free again. No index names a column that changes while a document lives: those updates stay HOT.
create table documents (
  bucket integer not null,
  id uuid not null,
  record_id uuid not null,
  deposit_id uuid not null,
  unique_id bytea,
  fingerprint bytea not null,
  status text not null default 'received',
  type text not null,
  class_code text not null,
  section text not null,
  labels text[] not null,
  organisation_id text not null,
  client_id text not null,
  author_ids text[] not null,
  received_at timestamptz not null,
  checked_at timestamptz,
  settled_at timestamptz,
  decision_id uuid,
  reason text,
  audited_at timestamptz,
  alert_handled_at timestamptz,
  constraint documents_pkey primary key (bucket, id),
  constraint documents_bucket_record_id_unique_id_key unique (bucket, record_id, unique_id),
  constraint documents_status_check check (status in ('received', 'published', 'refused')),
  constraint documents_unique_id_check check ((unique_id is null) = (status = 'refused')),
  constraint documents_settled_at_check check ((settled_at is null) = (status = 'received')),
  constraint documents_reason_check check (status <> 'refused' or reason is not null)
) partition by hash (bucket);

-- Both sealed under the record's data key; the content compressed before.
create table contents (
  bucket integer not null,
  document_id uuid not null,
  metadata bytea not null,
  content bytea not null,
  constraint contents_pkey primary key (bucket, document_id)
) partition by hash (bucket);
alter table contents alter column content set storage external;

do $$
declare
  parent text;
  part integer;
begin
  foreach parent in array array['records', 'record_keys', 'consent_states', 'deposits', 'deposit_requests',
                                'organisation_deposits', 'documents', 'contents'] loop
    for part in 0..7 loop
      execute format('create table %I partition of %I for values with (modulus 8, remainder %s)%s',
                     parent || '_' || part, parent, part,
                     case when parent in ('documents', 'consent_states', 'records') then ' with (fillfactor = 80)' else '' end);
    end loop;
  end loop;
end
$$;

grant select, insert, update, delete on records, record_fingerprints, record_keys, consent_states, deposits,
  deposit_requests, organisation_deposits, documents, contents to {app};
