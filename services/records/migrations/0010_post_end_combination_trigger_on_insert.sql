-- The statement that keeps a deposit writes the row of a new document's combination of facts as well: by a trigger that
-- costs a quarter of the whole statement. What changes or removes a document still calls the trigger, which also writes
-- the row where it is missing.
create trigger documents_combination_changed
  after delete or update of status, life, archived, type, class_code, section, labels, masked_by,
    shown_to_representatives, deposited_by, in_secret
  on documents for each row execute function keep_document_combination();
drop trigger documents_combination on documents;
