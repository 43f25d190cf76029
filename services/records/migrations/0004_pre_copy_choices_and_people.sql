-- What a read rests on beyond 0001: the whole of what a person chose, who may act for them, which matrix is in force;
-- and the life of documents after their publication.

-- All that the person chose, as consent told it. Null where it was told before: then the three columns of 0001 say all.
alter table consent_states add column state jsonb;

-- Who may act for the holder, as identity says. It may come before the record itself: no foreign key.
-- `people`: representatives and carers with the times between which they are.
create table record_people (
  bucket integer not null,
  record_id uuid not null,
  version bigint not null,
  partition integer not null,
  people jsonb not null,
  is_minor boolean not null,
  constraint record_people_pkey primary key (bucket, record_id)
) partition by hash (bucket);

do $$
begin
  for part in 0..7 loop
    execute format('create table record_people_%1$s partition of record_people
                    for values with (modulus 8, remainder %1$s) with (fillfactor = 80)', part);
  end loop;
end
$$;

-- Versions of the matrix of profession and document type beside those that come with the program; few rows.
create table matrices (
  name text not null,
  version bigint not null,
  active_from timestamptz,
  cells jsonb not null,
  constraint matrices_pkey primary key (name)
);

grant select, insert, update, delete on record_people, matrices to {app};

-- After its publication: `life`, whether it is `archived`, whose mask it is where it is masked, and whether it was once
-- invisible to representatives and is no longer. `status` goes on telling what became of the deposit. As before, no
-- index names what changes.
alter table documents add column life text not null default 'current';
alter table documents add column archived boolean not null default false;
alter table documents add column masked_by text;
alter table documents add column shown_to_representatives boolean not null default false;
alter table documents add column version integer not null default 1;
alter table documents add column changed_at timestamptz;
alter table documents add constraint documents_life_check check (life in ('current', 'superseded', 'deleted')) not valid;
alter table documents add constraint documents_masked_by_check check (masked_by in ('author', 'patient')) not valid;
