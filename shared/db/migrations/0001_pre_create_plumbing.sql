-- What every service has: outbox, inbox, parked messages, freshness of copies, the issuer's public keys.

create table outbox (
  id bigint generated always as identity primary key,
  topic text not null,
  key bytea not null,
  event_id uuid not null,
  event_type text not null,
  subject text not null,
  traceparent text not null,
  occurred_at timestamptz not null,
  payload bytea,
  extra jsonb,
  created_at timestamptz not null default clock_timestamp()
) with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);
create index outbox_topic_created_at_idx on outbox (topic, created_at);

create table inbox (
  event_time timestamptz not null,
  group_name text not null,
  event_id uuid not null,
  constraint inbox_pkey primary key (event_time, group_name, event_id)
) partition by range (event_time);
create table inbox_default partition of inbox default;

create table parked_messages (
  id uuid not null,
  group_name text not null,
  topic text not null,
  partition integer not null,
  "offset" bigint not null,
  key bytea,
  headers jsonb not null,
  body bytea,
  reason text not null,
  error_code text,
  parked_at timestamptz not null default clock_timestamp(),
  constraint parked_messages_pkey primary key (id),
  constraint parked_messages_place_key unique (group_name, topic, partition, "offset"),
  constraint parked_messages_reason_check check (reason in ('dead', 'behind-dead', 'copy-behind'))
);
create index parked_messages_group_name_key_idx on parked_messages (group_name, key);

create table copy_watermarks (
  topic text not null,
  partition integer not null,
  at timestamptz not null,
  constraint copy_watermarks_pkey primary key (topic, partition)
);

create table broken_copies (
  topic text not null,
  key text not null,
  error_code text not null,
  since timestamptz not null default clock_timestamp(),
  constraint broken_copies_pkey primary key (topic, key)
);

create table issuer_keys (
  kid text not null,
  jwk jsonb not null,
  fetched_at timestamptz not null default clock_timestamp(),
  constraint issuer_keys_pkey primary key (kid)
);

-- The app role cannot create tables; this function, run as the owner, keeps the inbox's daily partitions.
create function maintain_inbox(days_kept integer) returns integer
language plpgsql security definer set search_path = pg_catalog, public set timezone = 'UTC' as $$
declare
  day date;
  old record;
  dropped integer := 0;
begin
  for day in select generate_series(current_date, current_date + 2, interval '1 day')::date loop
    if to_regclass(format('public.inbox_%s', to_char(day, 'YYYYMMDD'))) is null
       and not exists (select 1 from public.inbox_default
                       where event_time >= day and event_time < day + 1) then
      execute format('create table public.%I partition of public.inbox for values from (%L) to (%L)',
                     'inbox_' || to_char(day, 'YYYYMMDD'), day::timestamptz, (day + 1)::timestamptz);
    end if;
  end loop;
  for old in select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
             where i.inhparent = 'public.inbox'::regclass and c.relname ~ '^inbox_[0-9]{8}$'
               and to_date(right(c.relname, 8), 'YYYYMMDD') < current_date - days_kept loop
    execute format('drop table public.%I', old.relname);
    dropped := dropped + 1;
  end loop;
  delete from public.inbox_default where event_time < current_date - days_kept;
  return dropped;
end
$$;
select maintain_inbox(31);

revoke all on function maintain_inbox(integer) from public;
grant execute on function maintain_inbox(integer) to {app};
grant select, insert, update, delete on outbox, inbox, parked_messages, copy_watermarks, broken_copies, issuer_keys
  to {app};
grant select on schema_migrations to {app};
