-- What the public directory says of an identifier: whose it is, the profession (JDV_J65; null: a structure), and whether
-- they practise. By it the identifier that somebody types is that of a holder of rights, and only doctors are médecins
-- traitants.
create table directory_entries (
  id text not null,
  version bigint not null,
  profession text,
  active boolean not null,
  constraint directory_entries_pkey primary key (id)
);

-- The records in whose choices somebody is named by less than a full identifier: a right that nobody has. The worker
-- names them in full and takes the record out.
create table incomplete_states (
  bucket integer not null,
  record_id uuid not null,
  constraint incomplete_states_pkey primary key (bucket, record_id)
);

grant select, insert, update, delete on directory_entries to {app};
grant select, delete on incomplete_states to {app};
