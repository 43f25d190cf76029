-- The release before 0065 erases records without knowing their blocks, and a page of 0066 may write one of a record that is
-- erased meanwhile. Such blocks are empty, but would wait to be read for ever, and others behind them.
delete from fact_blocks b
where b.fact_group = 'summary' and b.extractor_version = 0
  and not exists (select from documents d where d.bucket = b.bucket and d.id = b.document_id);
