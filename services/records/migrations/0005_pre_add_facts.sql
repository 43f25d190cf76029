-- Whose document it is: an organisation's, or of the person's side: then who of it deposited it, and whether in the
-- secret connection of a minor. `replaces`: the document whose place this one takes when it is published.
alter table documents add column deposited_by text not null default 'organisation';
alter table documents add column depositor_id text;
alter table documents add column in_secret boolean not null default false;
alter table documents add column replaces uuid;
alter table documents add constraint documents_deposited_by_check
  check (deposited_by in ('organisation', 'patient', 'representative', 'carer')) not valid;

-- A search asks the rules once for each combination of what they look at that a record's documents have: it stands
-- beside the document as one text, so that finding the combinations of a long record reads one column. A trigger keeps
-- it, whoever writes; where a row is older than the trigger, a search makes it.
create function document_facts(
  status text, life text, archived boolean, type text, class_code text, section text, labels text[], masked_by text,
  shown_to_representatives boolean, deposited_by text, in_secret boolean
) returns text language sql immutable parallel safe
return status || '|' || life || '|' || archived || '|' || type || '|' || class_code || '|' || section
  || '|' || array_to_string(labels, ',') || '|' || coalesce(masked_by, '') || '|' || shown_to_representatives
  || '|' || deposited_by || '|' || in_secret;

alter table documents add column facts text;

create function keep_document_facts() returns trigger language plpgsql as $$
begin
  new.facts := document_facts(new.status, new.life, new.archived, new.type, new.class_code, new.section, new.labels,
                              new.masked_by, new.shown_to_representatives, new.deposited_by, new.in_secret);
  return new;
end
$$;

create trigger documents_facts before insert or update on documents
  for each row execute function keep_document_facts();
