"""Opens what the patient side states in documents that a reader may see, once the decision and its trace are committed;
only with a Permit."""

from collections.abc import Mapping
from typing import Final
from uuid import UUID

from services.records.documents.domain.sealed_contents import open_content, open_title
from services.records.documents.store import contents
from services.records.facts.domain.documents import DepositorKind
from services.records.statements.domain.statements import STATEMENTS_TYPE, PatientStatement, read_statements
from shared.access import Permit
from shared.db.pool import Connection

MOST_OPENED: Final = 50
"""Documents of a record whose statements are opened for one answer: the newest ones."""


async def open_statements(
    connection: Connection, permit: Permit, record_id: UUID, key: bytes, documents: Mapping[UUID, DepositorKind]
) -> dict[UUID, tuple[PatientStatement, ...]]:
    """Returns the statements of these documents, by document; those that state nothing, such as a scan, are left out.

    `documents`: their ids, with who deposited each. `key`: of the record. Contents that are no statements are not
    loaded. Raises SealBrokenError.
    """
    ids = sorted(documents, reverse=True)[:MOST_OPENED]
    described = await contents.list_metadata(connection, permit, record_id, ids) if ids else {}
    forms = [
        id for id, sealed in described.items() if open_title(key, id, sealed.metadata).content_type == STATEMENTS_TYPE
    ]
    loaded = await contents.list_contents(connection, permit, record_id, forms) if forms else {}
    opened = {
        id: read_statements(open_content(key, id, sealed), STATEMENTS_TYPE, documents[id])
        for id, sealed in loaded.items()
    }
    return {id: statements for id, statements in opened.items() if statements}
