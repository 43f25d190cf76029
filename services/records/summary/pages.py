"""The page /dossier/{id}/synthese: the summary sheet, in the words of its other formats."""

from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from services.records.facts.context import InjectedReadContext
from services.records.kit.requests import InsHmac
from services.records.summary.domain.sheet_in_words import sheet_in_words
from services.records.summary.usecases.show_summary import show_summary
from shared.http.app import AuthenticatedCaller
from shared.web.doors import page_router
from shared.web.languages import language_of
from shared.web.pages import pages_of

router = page_router()


@router.get("/dossier/{record_id:uuid}/synthese")
async def sheet(
    record_id: UUID, request: Request, context: InjectedReadContext, ins_hmac: InsHmac, caller: AuthenticatedCaller
) -> Response:
    """Shows the sheet, whose lines lead to their documents. The header of the page names the person."""
    opened = (await show_summary(context, ins_hmac, caller, record_id)).sheet
    words = sheet_in_words(opened, language_of(request))
    is_empty = not opened.lines
    return pages_of(request).page(request, "summary/sheet.html", record=record_id, sheet=words, is_empty=is_empty)
