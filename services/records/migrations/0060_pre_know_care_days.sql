-- The day of care stands in clear, because lists are in its order and a period is asked for: the day on which the act
-- began, as the document says. Null: not filled yet; a loop of the worker opens the metadata and fills it.
-- `published_at`: when the document became visible, for what is new since a reader's last session.
alter table documents add column care_on date;
alter table document_combinations add column care_on date, add column published_at timestamptz;

-- Documents that a process of the former release inserted while this one was being rolled out: it knows no day of care.
create table care_days_missing (
  bucket integer not null,
  document_id uuid not null,
  constraint care_days_missing_pkey primary key (bucket, document_id)
);

-- How far the loop has come among the documents that were there before.
create table care_day_position (
  is_single boolean not null default true,
  bucket integer not null,
  document_id uuid not null,
  is_finished boolean not null,
  constraint care_day_position_pkey primary key (is_single),
  constraint care_day_position_is_single_check check (is_single)
);
insert into care_day_position (bucket, document_id, is_finished)
values (-1, '00000000-0000-0000-0000-000000000000', false);

-- When a reader looked at a record last, and in which session: what came since the session before is new to the reader.
create table reader_visits (
  bucket integer not null,
  record_id uuid not null,
  reader_id text not null,
  session_id uuid not null,
  seen_at timestamptz not null,
  previous_at timestamptz,
  constraint reader_visits_pkey primary key (bucket, record_id, reader_id)
) partition by hash (bucket);

do $$
begin
  for part in 0..7 loop
    execute format('create table reader_visits_%1$s partition of reader_visits
                    for values with (modulus 8, remainder %1$s) with (fillfactor = 80)', part);
  end loop;
end
$$;

grant select, insert, update, delete on care_days_missing, reader_visits to {app};
grant select, update on care_day_position to {app};

create or replace function keep_document_combination() returns trigger language plpgsql as $$
begin
  if tg_op = 'DELETE' then
    delete from document_combinations
    where bucket = old.bucket and record_id = old.record_id and document_id = old.id;
    return null;
  end if;
  insert into document_combinations (bucket, record_id, document_id, combination_id, organisation_id, author_ids,
                                     depositor_id, care_on, published_at)
  values (new.bucket, new.record_id, new.id,
          combination_of(document_facts(new.status, new.life, new.archived, new.type, new.class_code, new.section,
                                        new.labels, new.masked_by, new.shown_to_representatives, new.deposited_by,
                                        new.in_secret)),
          new.organisation_id, new.author_ids, new.depositor_id, new.care_on,
          case when new.status = 'published' then new.settled_at end)
  on conflict on constraint document_combinations_pkey do update
  set combination_id = excluded.combination_id, care_on = excluded.care_on, published_at = excluded.published_at
  where (document_combinations.combination_id, document_combinations.care_on, document_combinations.published_at)
    is distinct from (excluded.combination_id, excluded.care_on, excluded.published_at);
  return null;
end
$$;

create trigger documents_care_day after update of care_on on documents
  for each row execute function keep_document_combination();

create function note_missing_care_day() returns trigger language plpgsql as $$
begin
  insert into care_days_missing (bucket, document_id) values (new.bucket, new.id) on conflict do nothing;
  return null;
end
$$;

create trigger documents_care_day_missing after insert on documents
  for each row when (new.care_on is null) execute function note_missing_care_day();
