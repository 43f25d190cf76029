-- The other record of the same person: that one names this one. Both are written in one transaction, with both rows
-- locked. No foreign key: the other one lies in its own bucket.
alter table records add column linked_to uuid;
