-- The names of professionals and structures, which pages show, and the words by which a patient searches them: in lower
-- case, without accents.
create table professional_copies (
  professional_id text not null,
  version integer not null,
  name text not null,
  profession text not null,
  status text not null,
  partition integer not null,
  structure_ids text[] not null default '{}',
  words text not null default '',
  constraint professional_copies_pkey primary key (professional_id)
);
create index professional_copies_words_idx on professional_copies using gin (to_tsvector('simple', words));
create index professional_copies_structure_ids_idx on professional_copies using gin (structure_ids);

create table structure_copies (
  structure_id text not null,
  version integer not null,
  name text not null,
  status text not null,
  partition integer not null,
  words text not null default '',
  constraint structure_copies_pkey primary key (structure_id)
);
create index structure_copies_words_idx on structure_copies using gin (to_tsvector('simple', words));

-- How often a person has searched the directory since `since`. One row a person.
create table directory_searches (
  bucket integer not null,
  record_id uuid not null,
  since timestamptz not null,
  count integer not null,
  constraint directory_searches_pkey primary key (bucket, record_id)
);

grant select, insert, update on professional_copies, structure_copies to {app};
grant select, insert, update, delete on directory_searches to {app};
