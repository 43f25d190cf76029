"""The API of records with a search that checks no rights, for comparison in `reading.py`.

python -m tests.benchmarks.without_rights api

HTTP, fence, trace and metadata are unchanged; it returns the newest published documents instead of the permitted ones.
"""

from typing import Final
from unittest import mock

from services.records import app
from services.records.copies.store import reads as store
from services.records.documents.api import fhir
from services.records.documents.domain import sealed_contents
from services.records.documents.domain.search import PageStart
from services.records.documents.steps.document_lists import DocumentPage, DocumentQuery, ListedDocument
from services.records.documents.store.contents import list_metadata
from services.records.documents.store.summaries import COLUMNS, summary_of
from services.records.facts.context import ReadContext
from services.records.kit.keys import make_keys
from services.records.settings import Settings
from shared.access import Permit
from shared.contracts.audit import AccessRecorded
from shared.http.tokens import Caller
from shared.messaging.outbox import announce, append
from shared.runtime.clock import bucket_of
from shared.service.process import main
from shared.terminology.documents import section_labels
from shared.terminology.rubrics import rubric_of

SELECT_NEWEST = f"""
select {COLUMNS} from documents d
where d.bucket = $1 and d.record_id = $2 and d.id < $3 and d.status = 'published' order by d.id desc limit $4"""
SELECT_NEWEST_CARE = f"""
select {COLUMNS} from documents d
where d.bucket = $1 and d.record_id = $2 and d.id <= $3 and d.status = 'published' and d.section = any($5::text[])
order by d.care_on desc, d.id desc limit $4"""
NO_RIGHTS: Final = Permit("none-asked", "none")


async def find_without_rights(context: ReadContext, caller: Caller, query: DocumentQuery) -> DocumentPage:
    """Returns a page like `find_documents`, for any caller."""
    record_id = query.record.id
    assert record_id is not None
    traced = AccessRecorded(
        record_id=record_id, actor=caller.actor(), action="find-documents", outcome="permitted", reason=NO_RIGHTS.rule
    )
    async with context.pool.acquire() as connection:
        async with store.read_locked(connection):
            await store.fence_by_id(connection, record_id)
            page = (bucket_of(record_id), record_id, query.start.id, query.count + 1)
            if query.filters.rubrics is None:
                rows = await connection.fetch(SELECT_NEWEST, *page)
            else:
                sections = [code for code in section_labels() if rubric_of(code) in query.filters.rubrics]
                rows = await connection.fetch(SELECT_NEWEST_CARE, *page, sections)
            summaries = [summary_of(row) for row in rows]
            await append(connection, [announce(traced, "records")])
        listed = summaries[: query.count]
        sealed = await list_metadata(connection, NO_RIGHTS, record_id, [summary.id for summary in listed])
    key = context.vault.unwrap(record_id, next(iter(sealed.values())).key)
    documents = tuple(
        ListedDocument(summary, sealed_contents.open_metadata(key, summary.id, sealed[summary.id].metadata), ())
        for summary in listed
    )
    return DocumentPage(record_id, documents, PageStart(listed[-1].id) if len(summaries) > query.count else None)


if __name__ == "__main__":
    with mock.patch.object(fhir, "find_documents", find_without_rights):
        main(
            "records",
            Settings,
            api=app.make_api,
            worker=app.make_worker,
            plan=app.make_plan,
            keys=lambda settings: make_keys(settings.keys),
        )
