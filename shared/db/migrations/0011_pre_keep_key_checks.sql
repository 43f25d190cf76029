-- A keyed hash of each key's name, noted when a process starts with that key: before it seals anything, and whether or
-- not a row lies under it. Another key of the same id is found by it.
create table key_checks (
  ring text not null,
  kid text not null,
  key_check text not null,
  noted_at timestamptz not null default clock_timestamp(),
  constraint key_checks_pkey primary key (ring, kid)
);
grant select, insert, delete on key_checks to {app};
insert into key_checks (ring, kid, key_check, noted_at)
select ring, kid, key_check, noted_at from key_uses where key_check is not null;
