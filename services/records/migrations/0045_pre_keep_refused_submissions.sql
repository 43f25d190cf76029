-- What was refused for a cause that its sender can mend, for the depositing organisation alone, for some weeks.

-- One data key for each organisation, wrapped by the key-encryption key `kid`. `id` is derived from the organisation's
-- national id.
create table organisation_keys (
  id uuid not null,
  kid text not null,
  wrapped bytea not null,
  created_at timestamptz not null default clock_timestamp(),
  constraint organisation_keys_pkey primary key (id)
);

-- `digest`: HMAC of the request under the organisation's key. `body`: the request, sealed; null where only the code is
-- kept, and `size`, its bytes, with it. `resend_at`: when it is sent again by itself, after its record was opened.
create table quarantined_submissions (
  id uuid not null,
  organisation_id text not null,
  client_id text not null,
  by_software boolean not null,
  door text not null,
  digest bytea not null,
  cause text not null,
  size integer,
  body bytea,
  kept_at timestamptz not null,
  refused_at timestamptz not null,
  expires_at timestamptz not null,
  corrected_at timestamptz,
  resend_at timestamptz,
  constraint quarantined_submissions_pkey primary key (id),
  constraint quarantined_submissions_organisation_id_digest_key unique (organisation_id, digest),
  constraint quarantined_submissions_size_check check ((size is null) = (body is null))
);
alter table quarantined_submissions alter column body set storage external;
create index quarantined_submissions_organisation_id_id_idx on quarantined_submissions (organisation_id, id)
  include (cause, size);
create index quarantined_submissions_expires_at_idx on quarantined_submissions (expires_at);
create index quarantined_submissions_resend_at_idx on quarantined_submissions (resend_at) where resend_at is not null;

-- Whom a kept request is about: fingerprints of each INS that it states, under every key of the ring, and the record
-- that was known by it. An erasure finds the request by either.
create table quarantined_persons (
  quarantine_id uuid not null,
  ins text not null,
  record_id uuid,
  constraint quarantined_persons_pkey primary key (quarantine_id, ins),
  constraint quarantined_persons_quarantine_id_fkey foreign key (quarantine_id)
    references quarantined_submissions (id) on delete cascade
);
create index quarantined_persons_ins_idx on quarantined_persons (ins);
create index quarantined_persons_record_id_idx on quarantined_persons (record_id) where record_id is not null;

select watch_keys('organisation_keys', 'kid', 'kek', 'kid');
select watch_keys('quarantined_persons', 'ins', 'ins_hmac', 'fingerprint');

grant select, insert on organisation_keys to {app};
grant update (kid, wrapped) on organisation_keys to {app};
grant select, insert, update, delete on quarantined_submissions, quarantined_persons to {app};
