-- Of each version of the matrix: the file as it was imported, which says where each cell comes from, and who did what.
-- Null where it was imported before this was kept.
alter table matrices add column csv text;
alter table matrices add column imported_by text;
alter table matrices add column activated_by text;
alter table matrices add column activated_at timestamptz;
