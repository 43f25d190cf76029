"""The pages of one document: what it says, its content as a file, and who may see it."""

from functools import partial
from typing import Any, Final
from urllib.parse import quote
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from services.records.documents.domain.extensions import file_extension
from services.records.documents.domain.label_changes import TargetState, labels_after
from services.records.documents.domain.metadata import served_type
from services.records.documents.pages.contents import ShownContent, is_shown, shown_content
from services.records.documents.pages.lines import document_line
from services.records.documents.steps.document_requests import DocumentView
from services.records.documents.usecases.change_document import change_document
from services.records.documents.usecases.open_document import open_document
from services.records.documents.usecases.read_document import read_document
from services.records.facts.context import InjectedReadContext
from services.records.facts.domain.documents import DocumentSummary
from services.records.kit.threads import in_thread_if_large
from shared.access.facts import PATIENT_SIDE
from shared.cda.narrative import read_narrative
from shared.errors import NotFoundError
from shared.fhir.contents import is_xml
from shared.http.app import AuthenticatedCaller
from shared.http.tokens import Caller
from shared.terminology.rubrics import rubric_of, rubrics
from shared.terminology.visibility import Visibility
from shared.web.doors import page_router
from shared.web.forms import FormUnreadableError, read_form
from shared.web.languages import language_of
from shared.web.pages import pages_of
from shared.web.session import see_other

router = page_router()
PATH: Final = "/dossier/{record_id:uuid}/documents/{document_id:uuid}"
GESTURES: Final = frozenset({"mask", "unmask", "hide-from-representatives", "show-to-representatives"})
"""What the reader may do with the labels: the codes of the changes."""
INLINE: Final = frozenset({"application/pdf", "image/png", "image/jpeg"})
"""Contents that a browser shows by itself; all others are saved as files."""
SHIELDED: Final = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; sandbox; frame-ancestors 'self'",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
}


@router.get(PATH)
async def document(
    record_id: UUID, document_id: UUID, request: Request, context: InjectedReadContext, caller: AuthenticatedCaller
) -> Response:
    """Shows a document: its content where it can be read on the page, else how to open or save it."""
    view = await open_document(context, caller, document_id, is_shown)
    size = 0 if view.content is None else len(view.content)
    content = await in_thread_if_large(size * 4, shown_content, view.metadata, view.content)
    values = _values(view, content, caller, french=language_of(request) == "fr")
    gesture = request.query_params.get("fait", "")
    done = f"document.done-{gesture}" if gesture in GESTURES else None
    return pages_of(request).page(request, "documents/document.html", record=record_id, done=done, **values)


def _values(view: DocumentView, content: ShownContent, caller: Caller, *, french: bool) -> dict[str, Any]:
    summary, metadata = view.summary, view.metadata
    rubric = next(each for each in rubrics() if each.code == rubric_of(summary.section))
    is_own = summary.deposited_by in PATIENT_SIDE
    is_holders = caller.kind == "patient" and summary.deposited_by == "patient"
    return {
        "line": document_line(summary, metadata),
        "content": content,
        "added": summary.received_at,
        "size": metadata.size,
        "kind": file_extension(metadata.content_type).upper(),
        "rubric": (rubric.code, rubric.label_fr if french else rubric.label_en),
        "version": summary.version,
        "is_masked": Visibility.MASKED.value in summary.labels,
        "is_hidden": Visibility.INVISIBLE_TO_REPRESENTATIVES.value in summary.labels,
        "may_mask": caller.kind in PATIENT_SIDE,
        "may_hide": is_holders,
        "may_delete": caller.kind in PATIENT_SIDE and is_own,
    }


@router.get(f"{PATH}/contenu")
async def content(
    record_id: UUID, document_id: UUID, request: Request, context: InjectedReadContext, caller: AuthenticatedCaller
) -> Response:
    """Gives the content: shown by the browser where it can, saved as a file with `?enregistrer`.

    `?corps`: of a CDA of level 1, the file that it wraps.
    """
    view = await read_document(context, caller, document_id, with_content=True)
    assert view.content is not None
    body, media_type = view.content, served_type(view.metadata.content_type, view.content)
    if "corps" in request.query_params and is_xml(media_type):
        narrative = await in_thread_if_large(len(body), read_narrative, body)
        if narrative.attachment is None:
            raise NotFoundError
        body, media_type = narrative.attachment.content, served_type(narrative.attachment.media_type, b"")
    is_saved = "enregistrer" in request.query_params or media_type not in INLINE
    headers = {**SHIELDED, "content-type": media_type}
    if is_saved:
        headers["content-disposition"] = _disposition(view.metadata.title, media_type)
    return Response(body, 200, headers)


def _disposition(title: str, media_type: str) -> str:
    """Returns Content-Disposition with the title as the file's name (RFC 6266, RFC 8187)."""
    suffix = file_extension(media_type)
    words = " ".join(title.replace("/", " ").replace("\\", " ").split())[:100] or "document"
    return f"attachment; filename=\"document.{suffix}\"; filename*=UTF-8''{quote(f'{words}.{suffix}', safe='')}"


@router.post(f"{PATH}/visibilite")
async def change_visibility(
    record_id: UUID, document_id: UUID, request: Request, context: InjectedReadContext, caller: AuthenticatedCaller
) -> Response:
    """Masks or shows a document; sent twice it is done once, because it states what is to be."""
    form = await read_form(request)
    gesture = form.text("geste")
    if gesture not in GESTURES:
        raise FormUnreadableError
    await change_document(context, caller, document_id, partial(_after, gesture), expected_version=None)
    return see_other(f"/dossier/{record_id}/documents/{document_id}?fait={gesture}")


@router.post(f"{PATH}/supprimer")
async def delete(
    record_id: UUID, document_id: UUID, context: InjectedReadContext, caller: AuthenticatedCaller
) -> Response:
    """Deletes a document of the patient side for ever."""
    await change_document(context, caller, document_id, _deleted, expected_version=None)
    return see_other(f"/dossier/{record_id}/documents?fait=supprime")


def _after(gesture: str, summary: DocumentSummary) -> TargetState:
    labels = labels_after(summary.labels, gesture)
    return TargetState(labels, summary.archived, deleted=False, sets_mask=gesture == "mask")


def _deleted(summary: DocumentSummary) -> TargetState:
    return TargetState(summary.labels, summary.archived, deleted=True)
