-- Tokens that say that a patient's card was read, once an act rested on them: a reading serves one act. Kept for longer
-- than such a token lives.
create table used_presences (
  token_id text not null,
  used_at timestamptz not null,
  constraint used_presences_pkey primary key (token_id)
);
create index used_presences_used_at_idx on used_presences (used_at);
grant select, insert, update, delete on used_presences to {app};
