-- Documents that consent has decided about and that are not here: their deposit was accepted, and went with commits that
-- this database lost. Their depositor is told, and deposits them again.
create table lost_documents (
  bucket integer not null,
  document_id uuid not null,
  deposit_id uuid not null,
  record_id uuid not null,
  organisation_id text not null,
  received_at timestamptz not null,
  found_at timestamptz not null default clock_timestamp(),
  constraint lost_documents_pkey primary key (bucket, document_id)
);
create index lost_documents_bucket_deposit_id_idx on lost_documents (bucket, deposit_id);
grant select, insert, delete on lost_documents to {app};
