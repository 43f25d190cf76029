"""Records' API whose search asks for no rights: what `reading.py` compares a page with.

    python -m tests.benchmarks.without_rights api

The same HTTP, the same fence, trace and metadata; the newest published documents instead of the permitted ones.
"""

from typing import Final

from services.records import app, sealing
from services.records.api import reading
from services.records.settings import Settings
from services.records.store import reading as store
from services.records.usecases.desk import Desk
from services.records.usecases.find_documents import Found, Page, Wanted
from shared.access import Permit
from shared.contracts.audit import AccessRecorded
from shared.http.tokens import Caller
from shared.messaging.outbox import announce, append
from shared.runtime.clock import bucket_of
from shared.runtime.process import main

SELECT_NEWEST = """
select id, record_id, deposit_id, status, life, archived, masked_by, shown_to_representatives, version,
       changed_at, type, class_code, section, labels, organisation_id, client_id, author_ids, received_at, deposited_by,
       depositor_id, in_secret
from documents where bucket = $1 and record_id = $2 and id < $3 and status = 'published' order by id desc limit $4"""
NO_RIGHTS: Final = Permit("none-asked", "none")


async def find_without_rights(desk: Desk, caller: Caller, wanted: Wanted) -> Page:
    """A page as `find_documents` gives it, whoever asks."""
    record_id = wanted.record_id
    assert record_id is not None
    traced = AccessRecorded(
        record_id=record_id, actor=caller.actor(), action="find-documents", outcome="permitted", reason=NO_RIGHTS.rule
    )
    async with desk.pool.acquire() as connection:
        async with store.fenced(connection):
            await store.fence_by_id(connection, record_id)
            page = (bucket_of(record_id), record_id, wanted.before, wanted.count + 1)
            heads = [store.head_of(row) for row in await connection.fetch(SELECT_NEWEST, *page)]
            await append(connection, [announce(traced, "records")])
        listed = heads[: wanted.count]
        sealed = await store.list_metadata(connection, NO_RIGHTS, record_id, [head.id for head in listed])
    key = desk.vault.unwrap(record_id, next(iter(sealed.values())).key)
    found = tuple(Found(head, sealing.open_metadata(key, head.id, sealed[head.id].metadata), ()) for head in listed)
    return Page(record_id, found, listed[-1].id if len(heads) > wanted.count else None)


if __name__ == "__main__":
    reading.find_documents = find_without_rights
    main("records", Settings, api=app.make_api, worker=app.make_worker)
