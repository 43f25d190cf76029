-- The copy of whom to call, from identity's state of a record: the list, sealed under the record's data key.
create table people_to_call (
  bucket integer not null,
  record_id uuid not null,
  version integer not null,
  partition integer not null,
  sealed bytea not null,
  constraint people_to_call_pkey primary key (bucket, record_id)
) partition by hash (bucket);

do $$
begin
  for part in 0..7 loop
    execute format('create table people_to_call_%1$s partition of people_to_call
                    for values with (modulus 8, remainder %1$s)', part);
  end loop;
end
$$;

grant select, insert, update, delete on people_to_call to {app};
