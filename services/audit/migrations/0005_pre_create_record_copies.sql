-- The other record of the same person, as identity says, so that its holder sees one list. A record has a row from its
-- first change on: version 1 is linked to none.
create table record_copies (
  bucket integer not null,
  record_id uuid not null,
  version integer not null,
  linked_to uuid,
  partition integer not null,
  constraint record_copies_pkey primary key (bucket, record_id)
) partition by hash (bucket);
do $$
begin
  for part in 0..7 loop
    execute format('create table record_copies_%1$s partition of record_copies
                    for values with (modulus 8, remainder %1$s)', part);
  end loop;
end
$$;

grant select, insert, update, delete on record_copies to {app};
