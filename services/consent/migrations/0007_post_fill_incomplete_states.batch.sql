-- A page of the states, and those of them that name somebody by less than a full identifier (8 + RPPS, 1 + FINESS ...).
with page as materialized (
  select bucket, record_id, choices from consent_states
  where (bucket, record_id) > (coalesce(nullif(split_part($1::text, '|', 1), ''), '-1')::integer,
                               coalesce(nullif(split_part($1::text, '|', 2), ''), '00000000-0000-0000-0000-000000000000')::uuid)
  order by bucket, record_id limit 500
), filled as (
  insert into incomplete_states (bucket, record_id)
  select bucket, record_id from page
  where exists (
    select from (
      select jsonb_path_query(choices, '$.authorisations[*].holder_id') #>> '{}'
      union all select jsonb_path_query(choices, '$.blocked[*]') #>> '{}'
      union all select jsonb_path_query(choices, '$.attending_doctors[*]') #>> '{}'
      union all select jsonb_path_query(choices, '$.feeding_objections[*]') #>> '{}'
    ) as named(id)
    where id !~ '^([012][0-9]{9}|[01]2[AB][0-9]{7}|3[0-9]{14}|4[0-9]{12}|4[0-9]{14,16}|8[0-9]{11})$'
  )
  on conflict on constraint incomplete_states_pkey do nothing
  returning record_id
)
select (select bucket || '|' || record_id from page order by bucket desc, record_id desc limit 1) as position,
       (select count(*) from filled) as filled
