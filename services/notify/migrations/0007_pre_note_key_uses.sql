select watch_keys('contacts', 'sealed', 'contacts', 'jwe');
select watch_keys('messages', 'sealed', 'contacts', 'jwe');

-- A row for as long as contacts and messages are taken that are not bound to where they stand: releases before this one
-- did not bind them. `keys rewrap` binds what is here and removes the row; nobody who runs the service can bring it back.
create table unbound_seals (
  id boolean not null default true,
  since timestamptz not null default clock_timestamp(),
  constraint unbound_seals_pkey primary key (id),
  constraint unbound_seals_id_check check (id)
);
grant select, delete on unbound_seals to {app};
insert into unbound_seals (id) select true where exists (select from contacts) or exists (select from messages);
