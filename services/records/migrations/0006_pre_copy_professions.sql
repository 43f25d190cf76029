-- What the public directory says of professionals: their profession (JDV_J65) and whether they practise. What-if counts
-- for whoever is authorised what one of that profession sees; no reading rests on it.
create table professions (
  professional_id text not null,
  version bigint not null,
  profession text not null,
  active boolean not null,
  constraint professions_pkey primary key (professional_id)
);

grant select, insert, update, delete on professions to {app};
