-- Facts that were sent, kept for some days: after the loss of a Kafka cluster they are sent again. And the cluster onto
-- which this database announces everything anew, with how far it is.

create table sent_facts (
  sent_at timestamptz not null default clock_timestamp(),
  id bigint not null,
  topic text not null,
  key bytea not null,
  event_id uuid not null,
  event_type text not null,
  subject text not null,
  traceparent text not null,
  occurred_at timestamptz not null,
  payload bytea,
  constraint sent_facts_pkey primary key (id, sent_at)
) partition by range (sent_at);
create table sent_facts_default partition of sent_facts default;
create index sent_facts_key_idx on sent_facts (key);

create table cluster_moves (
  cluster_id text not null,
  newest_fact bigint not null,
  source text,
  position text,
  begun_at timestamptz not null default clock_timestamp(),
  finished_at timestamptz,
  constraint cluster_moves_pkey primary key (cluster_id)
);

create function maintain_sent_facts(days_kept integer) returns integer
language plpgsql security definer set search_path = pg_catalog, public set timezone = 'UTC' as $$
declare
  day date;
  old record;
  dropped integer := 0;
begin
  for day in select generate_series(current_date, current_date + 2, interval '1 day')::date loop
    if to_regclass(format('public.sent_facts_%s', to_char(day, 'YYYYMMDD'))) is null
       and not exists (select 1 from public.sent_facts_default where sent_at >= day and sent_at < day + 1) then
      execute format('create table public.%I partition of public.sent_facts for values from (%L) to (%L)',
                     'sent_facts_' || to_char(day, 'YYYYMMDD'), day::timestamptz, (day + 1)::timestamptz);
    end if;
  end loop;
  for old in select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
             where i.inhparent = 'public.sent_facts'::regclass and c.relname ~ '^sent_facts_[0-9]{8}$'
               and to_date(right(c.relname, 8), 'YYYYMMDD') < current_date - days_kept loop
    execute format('drop table public.%I', old.relname);
    dropped := dropped + 1;
  end loop;
  delete from public.sent_facts_default where sent_at < current_date - days_kept;
  return dropped;
end
$$;
select maintain_sent_facts(3);

revoke all on function maintain_sent_facts(integer) from public;
grant execute on function maintain_sent_facts(integer) to {app};
grant select, insert, update, delete on sent_facts, cluster_moves to {app};
