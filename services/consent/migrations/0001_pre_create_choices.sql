-- What a person has chosen for a record, its history, and the copy of the record's own state.
-- `bucket` first in every key: 16 bits of a hash of the record's id, by which the tables are split.

create table record_copies (
  bucket integer not null,
  record_id uuid not null,
  version integer not null,
  status text not null,
  partition integer not null,
  constraint record_copies_pkey primary key (bucket, record_id),
  constraint record_copies_version_check check (version >= 1)
) partition by hash (bucket);

create table consent_states (
  bucket integer not null,
  record_id uuid not null,
  version integer not null,
  version_in_force integer not null default 0,
  authorised text[] not null default '{}',
  blocked text[] not null default '{}',
  feeding_objections text[] not null default '{}',
  break_glass boolean not null default true,
  regulation_centre boolean not null default true,
  masked_documents boolean not null default false,
  changed_at timestamptz not null,
  constraint consent_states_pkey primary key (bucket, record_id),
  constraint consent_states_version_check check (version >= 1),
  constraint consent_states_authorised_blocked_check check (not authorised && blocked)
) partition by hash (bucket);

create table state_changes (
  bucket integer not null,
  record_id uuid not null,
  version integer not null,
  action text not null,
  subject_id text,
  actor_kind text not null,
  actor_id text not null,
  client_id text,
  changed_at timestamptz not null,
  constraint state_changes_pkey primary key (bucket, record_id, version)
) partition by hash (bucket);

do $$
begin
  for part in 0..7 loop
    execute format('create table record_copies_%1$s partition of record_copies
                    for values with (modulus 8, remainder %1$s)', part);
    execute format('create table consent_states_%1$s partition of consent_states
                    for values with (modulus 8, remainder %1$s) with (fillfactor = 80)', part);
    execute format('create table state_changes_%1$s partition of state_changes
                    for values with (modulus 8, remainder %1$s)', part);
  end loop;
end
$$;

grant select, insert, update on record_copies, consent_states to {app};
-- The history is only ever added to.
grant select, insert on state_changes to {app};
