-- Business acknowledgements (HL7 v2 ZAM^Z01) that a sender asked for: to be sent once its deposit is decided. Those that
-- could not be delivered stay with the reason.
create table business_acknowledgements (
  id uuid not null,
  client_id text not null,
  organisation_id text not null,
  deposit_id uuid,
  header text not null,
  control_id text not null,
  codec text not null,
  created_at timestamptz not null,
  due_at timestamptz not null,
  attempts integer not null default 0,
  tried_since timestamptz,
  reason text,
  failed_at timestamptz,
  constraint business_acknowledgements_pkey primary key (id)
);
create index business_acknowledgements_due_at_idx on business_acknowledgements (due_at) where failed_at is null;
create index business_acknowledgements_failed_at_idx on business_acknowledgements (failed_at) where failed_at is not null;
create index business_acknowledgements_deposit_id_idx on business_acknowledgements (deposit_id);

grant select, insert, update, delete on business_acknowledgements to {app};
