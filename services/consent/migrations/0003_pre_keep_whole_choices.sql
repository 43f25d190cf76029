-- All that a person chose, as one value, beside the two lists that a batch of deposits is checked against; who may act
-- for the person; versions of the matrix.

alter table consent_states add column choices jsonb;
update consent_states set authorised = '{}', choices = jsonb_build_object(
  'authorisations', (select coalesce(jsonb_agg(jsonb_build_object('holder_id', holder, 'from', changed_at)), '[]')
                     from unnest(authorised) as holder),
  'blocked', to_jsonb(blocked),
  'feeding_objections', to_jsonb(feeding_objections),
  'emergency', jsonb_build_object('break_glass', break_glass, 'regulation_centre', regulation_centre,
                                  'masked_documents', masked_documents));
alter table consent_states alter column choices set default '{}';
alter table consent_states add column mask_new_documents boolean not null default false;
-- The columns `authorised`, `break_glass`, `regulation_centre` and `masked_documents` are written by nobody from here
-- on; they go once no process of an older release runs.

-- Each version can be rebuilt: what was changed, and all that was chosen from then on.
alter table state_changes add column change jsonb;
alter table state_changes add column choices jsonb;

alter table record_copies add column linked_to uuid;

create table people_copies (
  bucket integer not null,
  record_id uuid not null,
  version integer not null,
  partition integer not null,
  people jsonb not null,
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

create table matrices (
  name text not null,
  version integer not null,
  active_from timestamptz,
  allowed jsonb not null,
  denied jsonb not null,
  allowed_by_default jsonb not null,
  imported_at timestamptz not null,
  constraint matrices_pkey primary key (name)
);

grant select, insert, update, delete on people_copies to {app};
grant select, insert, update on matrices to {app};
