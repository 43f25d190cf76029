-- A search in a long record reads what the rules look at of all its documents. It stands in narrow rows of their own, a
-- tenth as wide as those of `documents`, in the order in which a page lists: whose the document is, and the number of
-- its combination of facts. A trigger keeps them, whoever writes; what happens to a document without changing what the
-- rules look at does not call it.

-- Each combination that any document has or had: codes, which name nobody; some thousands.
create table combinations (
  id bigint generated always as identity,
  facts text not null,
  constraint combinations_pkey primary key (id),
  constraint combinations_facts_key unique (facts)
);

create table document_combinations (
  bucket integer not null,
  record_id uuid not null,
  document_id uuid not null,
  combination_id bigint not null,
  organisation_id text not null,
  author_ids text[] not null,
  depositor_id text,
  constraint document_combinations_pkey primary key (bucket, record_id, document_id)
) partition by hash (bucket);

do $$
begin
  for part in 0..7 loop
    execute format('create table document_combinations_%1$s partition of document_combinations
                    for values with (modulus 8, remainder %1$s) with (fillfactor = 80)', part);
  end loop;
end
$$;

grant select, insert, update, delete on document_combinations to {app};
grant select, insert on combinations to {app};

-- What the rules look at of a document, as one text of codes.
create function document_facts(
  status text, life text, archived boolean, type text, class_code text, section text, labels text[], masked_by text,
  shown_to_representatives boolean, deposited_by text, in_secret boolean
) returns text language sql immutable parallel safe
return status || '|' || life || '|' || archived || '|' || type || '|' || class_code || '|' || section
  || '|' || array_to_string(labels, ',') || '|' || coalesce(masked_by, '') || '|' || shown_to_representatives
  || '|' || deposited_by || '|' || in_secret;

-- The number of a combination; who is first gives it one. Whoever meets a number being given waits for it.
create function combination_of(wanted text) returns bigint language plpgsql as $$
declare
  known bigint;
begin
  select id into known from combinations where facts = wanted;
  if known is null then
    insert into combinations (facts) values (wanted) on conflict on constraint combinations_facts_key do nothing;
    select id into known from combinations where facts = wanted;
  end if;
  return known;
end
$$;

create function keep_document_combination() returns trigger language plpgsql as $$
begin
  if tg_op = 'DELETE' then
    delete from document_combinations
    where bucket = old.bucket and record_id = old.record_id and document_id = old.id;
    return null;
  end if;
  insert into document_combinations (bucket, record_id, document_id, combination_id, organisation_id, author_ids,
                                     depositor_id)
  values (new.bucket, new.record_id, new.id,
          combination_of(document_facts(new.status, new.life, new.archived, new.type, new.class_code, new.section,
                                        new.labels, new.masked_by, new.shown_to_representatives, new.deposited_by,
                                        new.in_secret)),
          new.organisation_id, new.author_ids, new.depositor_id)
  on conflict on constraint document_combinations_pkey do update set combination_id = excluded.combination_id
  where document_combinations.combination_id <> excluded.combination_id;
  return null;
end
$$;

create trigger documents_combination
  after insert or delete or update of status, life, archived, type, class_code, section, labels, masked_by,
    shown_to_representatives, deposited_by, in_secret
  on documents for each row execute function keep_document_combination();
