"""The page /dossier/{id}/documents: the rubrics of a record, and its documents by day of care."""

from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from services.records.documents.domain.filters import CarePeriod, DocumentFilters
from services.records.documents.domain.search import NEWEST_CARE_FIRST, PageStart, page_start, start_text
from services.records.documents.pages.lines import document_line
from services.records.documents.steps.document_lists import DocumentQuery
from services.records.documents.steps.record_searches import RecordQuery
from services.records.documents.usecases.list_documents import DocumentsShown, list_documents
from services.records.facts.context import InjectedReadContext
from shared.access.facts import PATIENT_SIDE
from shared.http.app import AuthenticatedCaller
from shared.http.constant_time import delay_response
from shared.terminology.rubrics import RubricCode, rubrics
from shared.web.doors import page_router
from shared.web.languages import Language, language_of
from shared.web.pages import pages_of

router = page_router()
ON_A_PAGE: Final = 25
LONGEST_TITLE: Final = 200
DONE: Final = {"supprime": "documents.done-deleted", "ajoute": "documents.done-added"}


@dataclass(frozen=True, slots=True)
class ListParameters:
    """What the reader looks for: empty texts, and None, where it does not matter."""

    titre: str = ""
    rubrique: str = ""
    du: str = ""
    au: str = ""
    apres: str = ""

    @property
    def rubric(self) -> RubricCode | None:
        """The rubric; None for all, and for one that does not exist."""
        return next((rubric.code for rubric in rubrics() if rubric.code == self.rubrique), None)

    @property
    def is_filtered(self) -> bool:
        """Whether the list is not that of all documents."""
        return any((self.titre.strip(), self.rubric, self.du, self.au))

    def query(self, record_id: UUID) -> DocumentQuery:
        """Returns the search; what cannot be read is left out."""
        rubric, title = self.rubric, self.titre.strip()[:LONGEST_TITLE]
        filters = DocumentFilters(
            rubrics=None if rubric is None else frozenset({rubric}),
            period=CarePeriod(_day(self.du) or date.min, _day(self.au) or date.max),
            title=title or None,
        )
        return DocumentQuery(RecordQuery(record_id), ON_A_PAGE, self._start(), filters=filters)

    def address(self, **changed: str) -> str:
        """Returns the query of a link with these parameters changed; empty ones are left out."""
        own = {"titre": self.titre.strip(), "rubrique": self.rubrique, "du": self.du, "au": self.au, "apres": ""}
        return f"?{urlencode({name: value for name, value in {**own, **changed}.items() if value})}"

    def _start(self) -> PageStart:
        try:
            return page_start(self.apres, by_care=True) if self.apres else NEWEST_CARE_FIRST
        except ValueError:
            return NEWEST_CARE_FIRST


@router.get("/dossier/{record_id:uuid}/documents")
async def documents(
    record_id: UUID,
    request: Request,
    context: InjectedReadContext,
    caller: AuthenticatedCaller,
) -> Response:
    """Shows the rubrics with their numbers, and a page of documents."""
    sent = request.query_params
    chosen = ListParameters(**{name: sent.get(name, "") for name in ListParameters.__dataclass_fields__})
    shown = await list_documents(context, caller, chosen.query(record_id))
    if shown.page.is_empty:
        await delay_response(request)
    values = _values(shown, chosen, language_of(request))
    values |= {"record": record_id, "done": DONE.get(sent.get("fait", "")), "may_add": caller.kind in PATIENT_SIDE}
    return pages_of(request).page(request, "documents/list.html", **values)


def _values(shown: DocumentsShown, chosen: ListParameters, language: Language) -> dict[str, Any]:
    since = shown.overview.since
    lines = [document_line(document.summary, document.metadata, since) for document in shown.page.documents]
    labels = {each.code: each.label_fr if language == "fr" else each.label_en for each in rubrics()}
    return {
        "chosen": chosen,
        "rubric": None if chosen.rubric is None else labels[chosen.rubric],
        "sections": [
            (labels[each.rubric.code], each.documents, each.new or 0, each.rubric.code)
            for each in shown.overview.rubrics
        ],
        "all": sum(each.documents for each in shown.overview.rubrics),
        "since": since,
        "new": sum(each.new or 0 for each in shown.overview.rubrics),
        "years": [(year, list(group)) for year, group in groupby(lines, key=lambda line: line.care_on.year)],
        "next": None if shown.page.after is None else chosen.address(apres=start_text(shown.page.after)),
    }


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
