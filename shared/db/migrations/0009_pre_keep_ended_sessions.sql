-- Sessions that identity ended before their time. Kept for as long as an access token of theirs could still be shown.
-- Identity itself asks its own table of sessions.
create table ended_sessions (
  session_id uuid not null,
  ended_at timestamptz not null,
  constraint ended_sessions_pkey primary key (session_id)
);
create index ended_sessions_ended_at_idx on ended_sessions (ended_at);
grant select, insert, update, delete on ended_sessions to {app};
