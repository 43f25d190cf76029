-- The combination of facts of each document (`document_facts` of 0005) and whose it is, in narrow rows of their own: a
-- search in a long record reads all of a record's, and those of `documents` are five times as wide. They stand in the
-- order in which a page lists. A trigger keeps them, whoever writes; what happens to a document without changing what
-- the rules look at does not call it.
create table document_combinations (
  bucket integer not null,
  record_id uuid not null,
  document_id uuid not null,
  combination text not null,
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

create function keep_document_combination() returns trigger language plpgsql as $$
begin
  if tg_op = 'DELETE' then
    delete from document_combinations
    where bucket = old.bucket and record_id = old.record_id and document_id = old.id;
    return null;
  end if;
  insert into document_combinations (bucket, record_id, document_id, combination, organisation_id, author_ids,
                                     depositor_id)
  values (new.bucket, new.record_id, new.id,
          document_facts(new.status, new.life, new.archived, new.type, new.class_code, new.section, new.labels,
                         new.masked_by, new.shown_to_representatives, new.deposited_by, new.in_secret),
          new.organisation_id, new.author_ids, new.depositor_id)
  on conflict on constraint document_combinations_pkey do update set combination = excluded.combination
  where document_combinations.combination <> excluded.combination;
  return null;
end
$$;

create trigger documents_combination
  after insert or delete or update of status, life, archived, type, class_code, section, labels, masked_by,
    shown_to_representatives, deposited_by, in_secret
  on documents for each row execute function keep_document_combination();

insert into document_combinations (bucket, record_id, document_id, combination, organisation_id, author_ids, depositor_id)
select bucket, record_id, id, document_facts(status, life, archived, type, class_code, section, labels, masked_by,
                                             shown_to_representatives, deposited_by, in_secret),
       organisation_id, author_ids, depositor_id
from documents;
