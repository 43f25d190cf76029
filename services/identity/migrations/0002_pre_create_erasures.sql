-- Closing, death, refusal and erasure.

-- Why a record is closed, and since when: ten years later it is erased. No row while it is open.
create table closures (
  bucket integer not null,
  record_id uuid not null,
  cause text not null,
  closed_at timestamptz not null,
  constraint closures_pkey primary key (bucket, record_id),
  constraint closures_record_id_fkey foreign key (bucket, record_id) references records (bucket, id),
  constraint closures_cause_check check (cause in ('asked', 'death'))
);
create index closures_closed_at_idx on closures (closed_at);

-- Persons for whom no campaign may open a record: keyed hashes of the INS, nothing else of the person.
create table opening_suppressions (
  fingerprint text not null,
  reason text not null,
  channel text,
  since timestamptz not null,
  constraint opening_suppressions_pkey primary key (fingerprint),
  constraint opening_suppressions_reason_check check (reason in ('objected', 'erased')),
  constraint opening_suppressions_channel_check
    check (channel is null or channel in ('online', 'phone-agent', 'letter'))
);

-- One decision to erase; never removed. `receipt` (JWS) stands from the moment at which all services have answered.
create table erasures (
  bucket integer not null,
  id uuid not null,
  record_id uuid not null,
  reason text not null,
  decided_at timestamptz not null,
  completed_at timestamptz,
  receipt text,
  constraint erasures_pkey primary key (bucket, id),
  constraint erasures_record_id_key unique (bucket, record_id),
  constraint erasures_reason_check check (reason in ('retention-over', 'gdpr-decision')),
  constraint erasures_receipt_check check ((completed_at is null) = (receipt is null))
);
create index erasures_decided_at_idx on erasures (decided_at) where completed_at is null;

create table erasure_acknowledgements (
  bucket integer not null,
  erasure_id uuid not null,
  service text not null,
  destroyed jsonb not null,
  acknowledged_at timestamptz not null,
  constraint erasure_acknowledgements_pkey primary key (bucket, erasure_id, service),
  constraint erasure_acknowledgements_erasure_id_fkey
    foreign key (bucket, erasure_id) references erasures (bucket, id)
);

grant delete on persons, records, contacts, ins_fingerprints to {app};
grant select, insert, update, delete on closures to {app};
grant select, insert, delete on opening_suppressions to {app};
grant select, insert, update on erasures to {app};
grant select, insert on erasure_acknowledgements to {app};
