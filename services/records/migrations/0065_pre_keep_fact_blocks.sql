-- The facts that were read out of a document version: a block for each group of them (summary, results, other), sealed
-- under the record's data key. In clear only where it belongs and the version of the extractor that read it. A document
-- version that was read has the block `summary`, with or without facts in it; an empty block (version 0) waits to be read.
create table fact_blocks (
  bucket integer not null,
  record_id uuid not null,
  fact_group text not null,
  document_id uuid not null,
  extractor_version integer not null,
  block bytea not null,
  constraint fact_blocks_pkey primary key (bucket, record_id, fact_group, document_id),
  constraint fact_blocks_fact_group_check check (fact_group in ('summary', 'results', 'other'))
) partition by hash (bucket);
alter table fact_blocks alter column block set storage external;
-- What an older extractor read is read again.
create index fact_blocks_extractor_version_idx on fact_blocks (extractor_version) where fact_group = 'summary';

do $$
begin
  for part in 0..7 loop
    execute format('create table fact_blocks_%1$s partition of fact_blocks
                    for values with (modulus 8, remainder %1$s)', part);
  end loop;
end
$$;

-- What became of reading a published document: null until it was read. `facts_reason`: why it is unreadable, was read in
-- part, or has no facts.
alter table documents add column facts_state text;
alter table documents add column facts_reason text;
alter table documents add constraint documents_facts_state_check
  check (facts_state in ('none', 'read', 'in-part', 'unreadable')) not valid;

grant select, insert, update, delete on fact_blocks to {app};
