-- Reimbursements: a line for each act, kept by month of care, and dropped with its month.

-- In clear only month and kind; the care is sealed under the record's data key. `line_key`: HMAC of the line's name under
-- a key of the record. Null kind and care: the line was cancelled, and only its version remains.
create table reimbursements (
  month date not null,
  bucket integer not null,
  record_id uuid not null,
  line_key bytea not null,
  feed_key bytea not null,
  version integer not null,
  kind text,
  care bytea,
  constraint reimbursements_pkey primary key (month, bucket, record_id, line_key),
  constraint reimbursements_care_check check ((kind is null) = (care is null))
) partition by range (month);

-- Where a line is. `feed_key`: HMAC of its name under the key `kid` of the feed, equal for everybody, so that a line is
-- found in whatever month it is, and never changes its person: then its `line_key` would be another one. No row names
-- a record, so that nothing is left of one that is erased.
create table reimbursement_keys (
  feed_key bytea not null,
  kid text not null,
  line_key bytea not null,
  month date not null,
  constraint reimbursement_keys_pkey primary key (feed_key)
) partition by hash (feed_key);
create index reimbursement_keys_month_idx on reimbursement_keys (month);

-- Which records have a history. `source`: the file, or the day of the feed, of which the ledger has an entry already.
-- `filled_at`: when care first came that all the patient side may learn of; null until then.
create table reimbursement_histories (
  bucket integer not null,
  record_id uuid not null,
  filled_at timestamptz,
  source uuid not null,
  constraint reimbursement_histories_pkey primary key (bucket, record_id)
) partition by hash (bucket);

do $$
declare
  parent text;
begin
  foreach parent in array array['reimbursement_keys', 'reimbursement_histories'] loop
    for part in 0..7 loop
      execute format('create table %I partition of %I for values with (modulus 8, remainder %s)',
                     parent || '_' || part, parent, part);
    end loop;
  end loop;
end
$$;

-- How far a file was read, in the transaction of its lines. `digest`: SHA-256 of the file as it was sent.
create table reimbursement_files (
  digest bytea not null,
  source uuid not null,
  started_at timestamptz not null,
  "row" bigint not null default 0,
  counts jsonb not null default '{}',
  finished_at timestamptz,
  constraint reimbursement_files_pkey primary key (digest)
);

-- Lines that could not be read: number and code, no content.
create table reimbursement_rejections (
  digest bytea not null,
  "row" bigint not null,
  code text not null,
  constraint reimbursement_rejections_pkey primary key (digest, "row")
);

-- The app role cannot create tables; this function, run as the owner, keeps a partition for each month of care, two
-- months ahead, and drops those of which every day is older than `months` months.
create function maintain_reimbursements(months integer) returns integer
language plpgsql security definer set search_path = pg_catalog, public set timezone = 'UTC' as $$
declare
  oldest date := date_trunc('month', current_date - make_interval(months => months))::date;
  first date;
  old record;
  dropped integer := 0;
begin
  for first in
    select generate_series(oldest, date_trunc('month', current_date) + interval '2 months', interval '1 month')::date
  loop
    if to_regclass(format('public.reimbursements_%s', to_char(first, 'YYYYMM'))) is null then
      execute format('create table public.%I partition of public.reimbursements for values from (%L) to (%L)',
                     'reimbursements_' || to_char(first, 'YYYYMM'), first, (first + interval '1 month')::date);
    end if;
  end loop;
  for old in select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
             where i.inhparent = 'public.reimbursements'::regclass and c.relname ~ '^reimbursements_[0-9]{6}$'
               and to_date(right(c.relname, 6), 'YYYYMM') < oldest loop
    execute format('drop table public.%I', old.relname);
    dropped := dropped + 1;
  end loop;
  return dropped;
end
$$;
select maintain_reimbursements(24);

revoke all on function maintain_reimbursements(integer) from public;
grant execute on function maintain_reimbursements(integer) to {app};
grant select, insert, update, delete on reimbursements, reimbursement_keys, reimbursement_histories,
  reimbursement_files, reimbursement_rejections to {app};
select watch_keys('reimbursement_keys', 'kid', 'insurance', 'kid');
