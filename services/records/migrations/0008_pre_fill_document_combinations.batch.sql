-- A page of the documents that came before the trigger of 0007. Their rows are held until the page is committed, so that
-- an erasure deletes a document before it is looked at or after its combination stands here, never in between. What the
-- trigger has written meanwhile is newer.
with page as materialized (
  select bucket, id from documents
  where (bucket, id) > (coalesce(nullif(split_part($1::text, '|', 1), ''), '-1')::integer,
                        coalesce(nullif(split_part($1::text, '|', 2), ''), '00000000-0000-0000-0000-000000000000')::uuid)
  order by bucket, id limit 500
), held as materialized (
  select document.*
  from page
  cross join lateral (
    select d.bucket, d.record_id, d.id, d.status, d.life, d.archived, d.type, d.class_code, d.section, d.labels,
           d.masked_by, d.shown_to_representatives, d.deposited_by, d.in_secret, d.organisation_id, d.author_ids,
           d.depositor_id
    from documents d where d.bucket = page.bucket and d.id = page.id for key share
  ) as document
), filled as (
  insert into document_combinations (bucket, record_id, document_id, combination_id, organisation_id, author_ids,
                                     depositor_id)
  select bucket, record_id, id,
         combination_of(document_facts(status, life, archived, type, class_code, section, labels, masked_by,
                                       shown_to_representatives, deposited_by, in_secret)),
         organisation_id, author_ids, depositor_id
  from held
  on conflict on constraint document_combinations_pkey do nothing
  returning document_id
)
select (select bucket || '|' || id from page order by bucket desc, id desc limit 1) as position,
       (select count(*) from filled) as filled
