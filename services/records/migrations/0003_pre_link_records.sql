-- The other record of the same person, as identity says. No foreign key: its state may arrive later, or never.
alter table records add column linked_to uuid;
