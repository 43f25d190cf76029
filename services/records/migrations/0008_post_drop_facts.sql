-- The text of 0005 stands in `document_combinations` now.
drop trigger documents_facts on documents;
-- squawk-ignore ban-drop-function
drop function keep_document_facts;
-- squawk-ignore ban-drop-column
alter table documents drop column facts;
