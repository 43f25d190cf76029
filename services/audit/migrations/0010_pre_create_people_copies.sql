-- Who represents the holder of a record, as identity says at this moment: a token outlives the representation by minutes.
-- A record has a row from the first time that somebody is named for it. While the topic is being read for the first time
-- its watermarks are old, and representatives are answered 503.
create table people_copies (
  bucket integer not null,
  record_id uuid not null,
  version bigint not null,
  partition integer not null,
  representatives jsonb not null,
  constraint people_copies_pkey primary key (bucket, record_id)
) partition by hash (bucket);
do $$
begin
  for part in 0..7 loop
    execute format('create table people_copies_%1$s partition of people_copies
                    for values with (modulus 8, remainder %1$s)', part);
  end loop;
end
$$;

grant select, insert, update, delete on people_copies to {app};
