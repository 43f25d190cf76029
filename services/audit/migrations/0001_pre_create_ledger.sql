-- The ledger: one row for each fact, added to and never altered. Its time is the fact's own.

create table ledger_entries (
  occurred_at timestamptz not null,
  event_id uuid not null,
  event_type text not null,
  record_id uuid,
  action text not null,
  outcome text not null,
  reason text,
  actor_kind text not null,
  actor_id text not null,
  profession text,
  organisation_id text,
  client_id text,
  document_id uuid,
  deposit_id uuid,
  subject_id text,
  mode text not null,
  rules_version text,
  details jsonb not null,
  recorded_at timestamptz not null,
  constraint ledger_entries_pkey primary key (occurred_at, event_id)
) partition by range (occurred_at);
create table ledger_entries_default partition of ledger_entries default;
create index ledger_entries_record_id_occurred_at_idx on ledger_entries (record_id, occurred_at);

-- The app role cannot create tables; this function, run as the owner, makes the months to come.
create function maintain_ledger(months_ahead integer) returns integer
language plpgsql security definer set search_path = pg_catalog, public set timezone = 'UTC' as $$
declare
  month timestamptz;
  part text;
  made integer := 0;
begin
  for month in select generate_series(date_trunc('month', now()), now() + make_interval(months => months_ahead),
                                      interval '1 month') loop
    part := 'ledger_entries_' || to_char(month, 'YYYYMM');
    if to_regclass('public.' || part) is null
       and not exists (select 1 from public.ledger_entries_default
                       where occurred_at >= month and occurred_at < month + interval '1 month') then
      execute format('create table public.%I partition of public.ledger_entries for values from (%L) to (%L)',
                     part, month, month + interval '1 month');
      made := made + 1;
    end if;
  end loop;
  return made;
end
$$;
select maintain_ledger(3);

-- Which documents a patient may know of: without a row, none. Kept from the labels that the entries carry.
create table document_visibilities (
  bucket integer not null,
  record_id uuid not null,
  document_id uuid not null,
  visible_to_patient boolean not null,
  as_of timestamptz not null,
  constraint document_visibilities_pkey primary key (bucket, record_id, document_id)
) partition by hash (bucket);
do $$
begin
  for part in 0..7 loop
    execute format('create table document_visibilities_%1$s partition of document_visibilities
                    for values with (modulus 8, remainder %1$s)', part);
  end loop;
end
$$;

create table professional_copies (
  professional_id text not null,
  version integer not null,
  name text not null,
  profession text not null,
  status text not null,
  partition integer not null,
  constraint professional_copies_pkey primary key (professional_id)
);

create table structure_copies (
  structure_id text not null,
  version integer not null,
  name text not null,
  status text not null,
  partition integer not null,
  constraint structure_copies_pkey primary key (structure_id)
);

revoke all on function maintain_ledger(integer) from public;
grant execute on function maintain_ledger(integer) to {app};
grant select, insert on ledger_entries to {app};
grant select, insert, update on document_visibilities, professional_copies, structure_copies to {app};
