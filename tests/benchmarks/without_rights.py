"""Records' API whose search asks for no rights: what `fhir.py` compares a page with.

    python -m tests.benchmarks.without_rights api

The same HTTP, the same fence, trace and metadata; the newest published documents instead of the permitted ones.
"""

from typing import Final

from services.records import app, sealed_contents
from services.records.api import fhir
from services.records.read_context import ReadContext
from services.records.settings import Settings
from services.records.store import reads as store
from services.records.usecases.find_documents import DocumentPage, DocumentQuery, ListedDocument
from shared.access import Permit
from shared.contracts.audit import AccessRecorded
from shared.http.tokens import Caller
from shared.messaging.outbox import announce, append
from shared.runtime.clock import bucket_of
from shared.service.process import main

SELECT_NEWEST = """
select id, record_id, deposit_id, status, life, archived, masked_by, shown_to_representatives, version,
       changed_at, type, class_code, section, labels, organisation_id, client_id, author_ids, received_at, deposited_by,
       depositor_id, in_secret
from documents where bucket = $1 and record_id = $2 and id < $3 and status = 'published' order by id desc limit $4"""
NO_RIGHTS: Final = Permit("none-asked", "none")


async def find_without_rights(context: ReadContext, caller: Caller, query: DocumentQuery) -> DocumentPage:
    """A page as `find_documents` gives it, whoever asks."""
    record_id = query.record_id
    assert record_id is not None
    traced = AccessRecorded(
        record_id=record_id, actor=caller.actor(), action="find-documents", outcome="permitted", reason=NO_RIGHTS.rule
    )
    async with context.pool.acquire() as connection:
        async with store.read_locked(connection):
            await store.fence_by_id(connection, record_id)
            page = (bucket_of(record_id), record_id, query.before, query.count + 1)
            summaries = [store.summary_of(row) for row in await connection.fetch(SELECT_NEWEST, *page)]
            await append(connection, [announce(traced, "records")])
        listed = summaries[: query.count]
        sealed = await store.list_metadata(connection, NO_RIGHTS, record_id, [summary.id for summary in listed])
    key = context.vault.unwrap(record_id, next(iter(sealed.values())).key)
    documents = tuple(
        ListedDocument(summary, sealed_contents.open_metadata(key, summary.id, sealed[summary.id].metadata), ())
        for summary in listed
    )
    return DocumentPage(record_id, documents, listed[-1].id if len(summaries) > query.count else None)


if __name__ == "__main__":
    fhir.find_documents = find_without_rights
    main("records", Settings, api=app.make_api, worker=app.make_worker)
