-- How professionals sign in: what must be remembered between two requests, and their short sessions.

-- A sign-in at the provider that was begun and not finished. Only hashes of what the browser holds; nonce and PKCE
-- verifier are derived from the state under `key_id`. `motive` is sealed (JWE). Removed when used or over.
create table pending_sign_ins (
  state_digest bytea not null,
  browser_digest bytea not null,
  key_id text not null,
  organisation_id text,
  mode text not null,
  motive text,
  expires_at timestamptz not null,
  constraint pending_sign_ins_pkey primary key (state_digest)
);
create index pending_sign_ins_expires_at_idx on pending_sign_ins (expires_at);

-- A session lives as long as its access token; a proof of presence is bound to it.
create table professional_sessions (
  id uuid not null,
  professional_id text not null,
  organisation_id text,
  client_id text not null,
  method text not null,
  mode text not null,
  motive text,
  started_at timestamptz not null,
  expires_at timestamptz not null,
  constraint professional_sessions_pkey primary key (id),
  constraint professional_sessions_method_check check (method in ('pro-sante-connect', 'card', 'token-exchange'))
);
create index professional_sessions_expires_at_idx on professional_sessions (expires_at);

-- `certificate_subject`: RFC 4514, of software that proves itself with its structure's certificate (RFC 8705).
-- `psc_client_id`: the software's own client at Pro Santé Connect, whose tokens it may exchange here.
alter table clients add column certificate_subject text;
alter table clients add column psc_client_id text;

grant select, insert, delete on pending_sign_ins, professional_sessions to {app};
