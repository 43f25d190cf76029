-- The versions of one document: `chain_id` is the id of the first of them. Null of a document that has taken no other's
-- place. What hides or deletes one version does so to all.
alter table documents add column chain_id uuid;
