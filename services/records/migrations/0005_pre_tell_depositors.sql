-- Whose document it is: an organisation's, or of the person's side: then who of it deposited it, and whether in the
-- secret connection of a minor. `replaces`: the document whose place this one takes when it is published.
alter table documents add column deposited_by text not null default 'organisation';
alter table documents add column depositor_id text;
alter table documents add column in_secret boolean not null default false;
alter table documents add column replaces uuid;
alter table documents add constraint documents_deposited_by_check
  check (deposited_by in ('organisation', 'patient', 'representative', 'carer')) not valid;
