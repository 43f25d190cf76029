-- A page of the documents that took another's place before 0014: each belongs to the chain of the first that is still
-- found, up the documents whose places were taken. Ids sort by time.
with page as materialized (
  select bucket, id, replaces, chain_id from documents
  where (bucket, id) > (coalesce(nullif(split_part($1::text, '|', 1), ''), '-1')::integer,
                        coalesce(nullif(split_part($1::text, '|', 2), ''), '00000000-0000-0000-0000-000000000000')::uuid)
  order by bucket, id limit 500
), chained as materialized (
  select page.bucket, page.id, (
    with recursive earlier(id, replaces) as (
      select page.id, page.replaces
      union
      select d.id, d.replaces from earlier join documents d on d.bucket = page.bucket and d.id = earlier.replaces
    )
    select min(replaces::text)::uuid from earlier
  ) as chain_id
  from page where page.replaces is not null and page.chain_id is null
), filled as (
  update documents d set chain_id = chained.chain_id
  from chained where d.bucket = chained.bucket and d.id = chained.id
  returning d.id
)
select (select bucket || '|' || id from page order by bucket desc, id desc limit 1) as position,
       (select count(*) from filled) as filled
