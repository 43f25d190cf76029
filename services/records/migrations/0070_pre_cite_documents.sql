-- The document versions that a version of the summary sheet cites: it is seen by those alone who may read each of them.
-- Null: a document that is no such version. Versions have combinations of their own, so that a list of combinations
-- lets in none of them.
alter table documents add column cites uuid[];
alter table document_combinations add column cites uuid[];

create or replace function keep_document_combination() returns trigger language plpgsql as $$
begin
  if tg_op = 'DELETE' then
    delete from document_combinations
    where bucket = old.bucket and record_id = old.record_id and document_id = old.id;
    return null;
  end if;
  insert into document_combinations (bucket, record_id, document_id, combination_id, organisation_id, author_ids,
                                     depositor_id, care_on, published_at, cites)
  values (new.bucket, new.record_id, new.id,
          combination_of(document_facts(new.status, new.life, new.archived, new.type, new.class_code, new.section,
                                        new.labels, new.masked_by, new.shown_to_representatives, new.deposited_by,
                                        new.in_secret)
                         || case when new.cites is null then '' else '|sheet' end),
          new.organisation_id, new.author_ids, new.depositor_id, new.care_on,
          case when new.status = 'published' then new.settled_at end, new.cites)
  on conflict on constraint document_combinations_pkey do update
  set combination_id = excluded.combination_id, care_on = excluded.care_on, published_at = excluded.published_at,
      cites = excluded.cites
  where (document_combinations.combination_id, document_combinations.care_on, document_combinations.published_at,
         document_combinations.cites)
    is distinct from (excluded.combination_id, excluded.care_on, excluded.published_at, excluded.cites);
  return null;
end
$$;

create trigger documents_cites after update of cites on documents
  for each row execute function keep_document_combination();
