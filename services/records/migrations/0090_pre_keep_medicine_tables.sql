-- Tables about medicines that an operator loads: the public medicine files, and interactions. They are about nobody. Of
-- each kind a single version is in use; `digest`: SHA-256 over the files as they were loaded. `activated_at`: null while
-- it is being loaded. Rows of a version that is no longer in use are deleted; the version stays, with its counts.
create table medicine_tables (
  id uuid not null,
  kind text not null,
  source text not null,
  dated_on date not null,
  digest bytea not null,
  began_at timestamptz not null,
  activated_at timestamptz,
  in_use boolean not null default false,
  counts jsonb not null default '{}',
  constraint medicine_tables_pkey primary key (id),
  constraint medicine_tables_kind_check check (kind in ('medicines', 'interactions'))
);
create unique index medicine_tables_in_use_idx on medicine_tables (kind) where in_use;

-- Lines that could not be taken: file, number and reason, no content.
create table medicine_rejections (
  table_id uuid not null,
  file text not null,
  line bigint not null,
  reason text not null,
  constraint medicine_rejections_pkey primary key (table_id, file, line)
);

create table medicines (
  table_id uuid not null,
  cis text not null,
  name text not null,
  constraint medicines_pkey primary key (table_id, cis)
);
-- CIP7 and CIP13 alike.
create table medicine_packages (
  table_id uuid not null,
  cip text not null,
  cis text not null,
  constraint medicine_packages_pkey primary key (table_id, cip)
);
-- `link`: the salt and the active moiety of one ingredient have the same.
create table medicine_substances (
  table_id uuid not null,
  cis text not null,
  link integer not null,
  code text not null,
  name text not null,
  constraint medicine_substances_pkey primary key (table_id, cis, link, code, name)
);
create index medicine_substances_code_idx on medicine_substances (table_id, code);
create table medicine_classes (
  table_id uuid not null,
  cis text not null,
  atc text not null,
  constraint medicine_classes_pkey primary key (table_id, cis, atc)
);
create index medicine_classes_atc_idx on medicine_classes (table_id, atc);

create table interactions (
  table_id uuid not null,
  line bigint not null,
  first text not null,
  second text not null,
  level text not null,
  risk text not null,
  risk_en text,
  advice text,
  advice_en text,
  constraint interactions_pkey primary key (table_id, line)
);
create table interaction_members (
  table_id uuid not null,
  line bigint not null,
  member_of text not null,
  substance text,
  atc text,
  constraint interaction_members_pkey primary key (table_id, line),
  constraint interaction_members_substance_check check (substance is not null or atc is not null)
);

grant select, insert, update, delete on medicine_tables, medicine_rejections, medicines, medicine_packages,
  medicine_substances, medicine_classes, interactions, interaction_members to {app};
