-- How holders of records prove who they are: accounts, devices, sessions, codes, and how often something was tried.

-- `sealed`: the identifier as it was chosen; `totp_sealed`: the secret of an application. Both under keys of `persons`.
create table accounts (
  bucket integer not null,
  record_id uuid not null,
  key_id text not null,
  sealed bytea not null,
  password_hash text not null,
  password_changed_at timestamptz not null,
  second_factor text not null,
  totp_key_id text,
  totp_sealed bytea,
  totp_step bigint not null default 0,
  terms_version text not null,
  created_at timestamptz not null,
  constraint accounts_pkey primary key (bucket, record_id),
  constraint accounts_record_id_fkey foreign key (bucket, record_id) references records (bucket, id),
  constraint accounts_second_factor_check check (second_factor in ('mail', 'sms', 'totp')),
  constraint accounts_totp_sealed_check check (second_factor <> 'totp' or totp_sealed is not null)
) partition by hash (bucket);

-- A device that has signed in. `digest`: SHA-256 of the token that it shows at the next sign-in; `sealed`: its name.
create table devices (
  bucket integer not null,
  id uuid not null,
  record_id uuid not null,
  digest bytea not null,
  key_id text not null,
  sealed bytea not null,
  first_seen_at timestamptz not null,
  last_seen_at timestamptz not null,
  constraint devices_pkey primary key (bucket, id)
) partition by hash (bucket);
create index devices_record_id_idx on devices (bucket, record_id);

-- One sign-in of a device: the family of its refresh tokens.
create table sessions (
  bucket integer not null,
  id uuid not null,
  record_id uuid not null,
  device_id uuid not null,
  started_at timestamptz not null,
  expires_at timestamptz not null,
  ended_at timestamptz,
  ended_for text,
  constraint sessions_pkey primary key (bucket, id)
) partition by hash (bucket);
create index sessions_record_id_idx on sessions (bucket, record_id);
create index sessions_expires_at_idx on sessions (expires_at);

-- Used ones stay for as long as they would have lived, so that their reuse is noticed.
create table refresh_tokens (
  bucket integer not null,
  digest bytea not null,
  session_id uuid not null,
  expires_at timestamptz not null,
  used_at timestamptz,
  constraint refresh_tokens_pkey primary key (bucket, digest)
) partition by hash (bucket);
create index refresh_tokens_session_id_idx on refresh_tokens (bucket, session_id);
create index refresh_tokens_expires_at_idx on refresh_tokens (expires_at);

do $$
declare
  parent text;
begin
  foreach parent in array array['accounts', 'devices', 'sessions', 'refresh_tokens'] loop
    for part in 0..3 loop
      execute format('create table %I partition of %I for values with (modulus 4, remainder %s)',
                     parent || '_' || part, parent, part);
    end loop;
  end loop;
end
$$;

-- From the fingerprint of an identifier to its account: a look-up that does not know the bucket.
create table account_identifiers (
  fingerprint text not null,
  record_id uuid not null,
  constraint account_identifiers_pkey primary key (fingerprint)
);
create index account_identifiers_record_id_idx on account_identifiers (record_id);

-- What was asked of somebody and not answered yet: they live for minutes. `codes`: keyed hashes; no record: a decoy.
-- Their ids carry no bucket, which would tell a decoy from the rest.
create table challenges (
  id uuid not null,
  purpose text not null,
  record_id uuid,
  codes text[] not null,
  tries_left integer not null,
  expires_at timestamptz not null,
  used_at timestamptz,
  key_id text,
  sealed bytea,
  constraint challenges_pkey primary key (id),
  constraint challenges_purpose_check check (purpose in ('sign-in', 'password-reset', 'contact-change', 'totp-enrolment')),
  constraint challenges_tries_left_check check (tries_left >= 0)
);
create index challenges_record_id_idx on challenges (record_id);
create index challenges_expires_at_idx on challenges (expires_at);

-- How often something was tried, `<kind>:<whose>`; fingerprints and ids only. `told_at`: when the holder was told last.
create table throttles (
  key text not null,
  tries integer not null,
  next_at timestamptz not null,
  forgotten_from timestamptz not null,
  told_at timestamptz,
  constraint throttles_pkey primary key (key),
  constraint throttles_tries_check check (tries >= 0)
);
create index throttles_next_at_idx on throttles (next_at);

grant select, insert, update, delete
  on accounts, account_identifiers, devices, sessions, refresh_tokens, challenges, throttles to {app};
