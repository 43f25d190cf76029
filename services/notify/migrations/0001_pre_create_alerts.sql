-- Alerts, preferences, and what notify must know to decide: sealed contacts, restricted documents, consultation windows.

create table contacts (
  record_id uuid not null,
  version integer not null,
  partition integer not null,
  sealed text not null,
  constraint contacts_pkey primary key (record_id)
);

create table preferences (
  record_id uuid not null,
  document boolean not null,
  consultation boolean not null,
  changed_at timestamptz not null,
  constraint preferences_pkey primary key (record_id)
);

-- An alert exists once per cause. It is also the queue: a queued one is due at due_at, which a sender moves forward
-- for as long as it holds it.
create table alerts (
  bucket integer not null,
  id uuid not null,
  record_id uuid not null,
  kind text not null,
  document_id uuid,
  deposit_id uuid,
  caused_by uuid not null,
  caused_at timestamptz not null,
  traceparent text not null,
  audience text not null,
  status text not null,
  reason text,
  attempts integer not null default 0,
  created_at timestamptz not null,
  due_at timestamptz,
  handled_at timestamptz,
  constraint alerts_pkey primary key (bucket, id),
  constraint alerts_kind_check check (kind in ('document', 'consultation')),
  constraint alerts_audience_check check (audience in ('everybody', 'holder', 'nobody')),
  constraint alerts_status_check check (status in ('queued', 'sent', 'failed', 'withheld', 'unwanted')),
  constraint alerts_due_at_check check ((status = 'queued') = (due_at is not null)),
  constraint alerts_handled_at_check check ((status = 'queued') = (handled_at is null))
) partition by hash (bucket);
create table alerts_0 partition of alerts for values with (modulus 4, remainder 0);
create table alerts_1 partition of alerts for values with (modulus 4, remainder 1);
create table alerts_2 partition of alerts for values with (modulus 4, remainder 2);
create table alerts_3 partition of alerts for values with (modulus 4, remainder 3);
create index alerts_due_at_idx on alerts (due_at) where status = 'queued';
create index alerts_handled_at_idx on alerts using brin (handled_at);

-- Documents that not everybody of a record may know of; all others have no row.
create table restricted_documents (
  bucket integer not null,
  document_id uuid not null,
  audience text not null,
  constraint restricted_documents_pkey primary key (bucket, document_id),
  constraint restricted_documents_audience_check check (audience in ('holder', 'nobody'))
);

-- When the person was last told that a professional consulted the record.
create table consultation_windows (
  record_id uuid not null,
  professional_id text not null,
  withheld boolean not null,
  opened_at timestamptz not null,
  constraint consultation_windows_pkey primary key (record_id, professional_id, withheld)
);
create index consultation_windows_opened_at_idx on consultation_windows (opened_at);

grant select, insert, update, delete on contacts, preferences, alerts, restricted_documents, consultation_windows to {app};
