-- Sessions of people in a browser: what their cookie continues, and for whom they act there.

-- `digest`: SHA-256 of the cookie. A holder's has the id of its row in `sessions`. `is_kept`: on a device of the person's
-- own; else the device is deleted with the session. `expires_at` moves with each use, up to `ends_at`.
create table browser_sessions (
  bucket integer not null,
  id uuid not null,
  digest bytea not null,
  record_id uuid,
  device_id uuid,
  professional_id text,
  organisation_id text,
  is_kept boolean not null,
  started_at timestamptz not null,
  expires_at timestamptz not null,
  ends_at timestamptz not null,
  constraint browser_sessions_pkey primary key (bucket, id),
  constraint browser_sessions_record_id_check check ((record_id is null) <> (professional_id is null)),
  constraint browser_sessions_device_id_check check ((record_id is null) = (device_id is null))
) partition by hash (bucket);
create index browser_sessions_record_id_idx on browser_sessions (bucket, record_id);
create index browser_sessions_expires_at_idx on browser_sessions (expires_at);

-- A person confirmed in a session that they act in the record of another. `bucket`: of that record.
create table acting_confirmations (
  bucket integer not null,
  record_id uuid not null,
  session_id uuid not null,
  expires_at timestamptz not null,
  constraint acting_confirmations_pkey primary key (bucket, record_id, session_id)
) partition by hash (bucket);
create index acting_confirmations_expires_at_idx on acting_confirmations (expires_at);

do $$
declare
  parent text;
begin
  foreach parent in array array['browser_sessions', 'acting_confirmations'] loop
    for part in 0..3 loop
      execute format('create table %I partition of %I for values with (modulus 4, remainder %s)',
                     parent || '_' || part, parent, part);
    end loop;
  end loop;
end
$$;

grant select, insert, update, delete on browser_sessions, acting_confirmations to {app};
grant update on professional_sessions to {app};
