-- A page of the documents that were published before 0065: each gets an empty block, which waits to be read.
with page as materialized (
  select bucket, id, record_id, status, facts_state from documents
  where (bucket, id) > (coalesce(nullif(split_part($1::text, '|', 1), ''), '-1')::integer,
                        coalesce(nullif(split_part($1::text, '|', 2), ''), '00000000-0000-0000-0000-000000000000')::uuid)
  order by bucket, id limit 500
), filled as (
  insert into fact_blocks (bucket, record_id, fact_group, document_id, extractor_version, block)
  select bucket, record_id, 'summary', id, 0, '' from page where status = 'published' and facts_state is null
  on conflict on constraint fact_blocks_pkey do nothing
  returning document_id
)
select (select bucket || '|' || id from page order by bucket desc, id desc limit 1) as position,
       (select count(*) from filled) as filled
