-- The rows of documents that came before the trigger of 0007; in a transaction of its own, so that nobody waits for it who
-- writes another document. What the trigger has written meanwhile is newer.
insert into document_combinations (bucket, record_id, document_id, combination_id, organisation_id, author_ids,
                                   depositor_id)
select bucket, record_id, id,
       combination_of(document_facts(status, life, archived, type, class_code, section, labels, masked_by,
                                     shown_to_representatives, deposited_by, in_secret)),
       organisation_id, author_ids, depositor_id
from documents
on conflict on constraint document_combinations_pkey do nothing;
