-- In which record a restricted document lies, so that it goes with the record. Rows from before name none: they go with
-- the alert of their document.
alter table restricted_documents add column record_id uuid;
