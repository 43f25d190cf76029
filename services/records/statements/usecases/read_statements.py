"""Reads the current statements of a record that the rules permit to the caller.

It is a search and a reading of each document, as anybody could do it, with their entries in the ledger.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from services.records.documents.domain.filters import DocumentFilters
from services.records.documents.steps.document_lists import DocumentQuery, ListedDocument
from services.records.documents.steps.record_searches import RecordQuery
from services.records.documents.usecases.find_documents import find_documents
from services.records.documents.usecases.read_document import read_document
from services.records.facts.context import ReadContext
from services.records.facts.domain.documents import DepositorKind
from services.records.statements.domain.statements import STATEMENTS_TYPE, PatientStatement, read_statements
from shared.access.personal_space import ENTRY_TYPES
from shared.errors import NotFoundError
from shared.http.tokens import Caller
from shared.terminology.statements import FORMS, ORGAN_DONATION, StatementForm, statement_kinds

MOST_DOCUMENTS: Final = 50
_FORM_BY_TYPE: Final[dict[str, StatementForm]] = {ENTRY_TYPES[form]: form for form in FORMS}


@dataclass(frozen=True, slots=True)
class StatementDocument:
    """A document of statements: its id, form and title, and by whom and when this version was declared."""

    id: UUID
    form: StatementForm
    title: str
    declared_by: DepositorKind
    declared_at: datetime
    labels: frozenset[str]
    statements: Sequence[PatientStatement]

    @property
    def is_about_donation(self) -> bool:
        """Whether it states something about organ donation."""
        return any(statement.kind == ORGAN_DONATION for statement in self.statements)


async def list_statements(
    context: ReadContext, caller: Caller, record_id: UUID, form: StatementForm | None
) -> list[StatementDocument]:
    """Returns the newest 50 current documents of statements, newest first. `form` None: of all forms.

    Raises NotFoundError, ForbiddenError, UncheckableError.
    """
    types = frozenset(ENTRY_TYPES[each] for each in (FORMS if form is None else (form,)))
    query = DocumentQuery(RecordQuery(record_id), MOST_DOCUMENTS, filters=DocumentFilters(types=types))
    page = await find_documents(context, caller, query)
    if page.record_id is None:
        raise NotFoundError
    listed = [document for document in page.documents if document.metadata.content_type == STATEMENTS_TYPE]
    read = [await _read(context, caller, document) for document in listed]
    return [document for document in read if document is not None]


async def _read(context: ReadContext, caller: Caller, listed: ListedDocument) -> StatementDocument | None:
    """Returns a document with its statements; None where it has been hidden since it was listed, or states nothing."""
    summary = listed.summary
    try:
        view = await read_document(context, caller, summary.id, with_content=True)
    except NotFoundError:
        return None
    assert view.content is not None
    statements = read_statements(view.content, view.metadata.content_type, summary.deposited_by)
    if not statements:
        return None
    return StatementDocument(
        id=summary.id,
        form=statement_kinds()[statements[0].kind].form,
        title=view.metadata.title,
        declared_by=summary.deposited_by,
        declared_at=summary.received_at,
        labels=summary.labels,
        statements=statements,
    )
