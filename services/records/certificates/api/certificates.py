"""Vaccination certificates for the holder and representatives."""

import asyncio
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from services.records.certificates.adapters.pdf import write_pdf
from services.records.certificates.adapters.qr_images import qr_image
from services.records.certificates.context import InjectedIssuing
from services.records.certificates.domain.health_card import IssuedCard
from services.records.certificates.models import CertificateBody, CertificateFormat
from services.records.certificates.usecases.issue_certificate import issue_certificate
from services.records.facts.context import InjectedReadContext
from services.records.kit.documentation import AUTHENTICATED, BINARY
from services.records.kit.requests import caller_of
from shared.http.admission import Urgency, urgent
from shared.http.door import Door
from shared.terminology.vaccines import vaccine_diseases

router = APIRouter(route_class=Door, tags=["Certificates"])
_SHIELDED: Final = {"cache-control": "no-store", "x-content-type-options": "nosniff"}


@router.post(
    "/records/{record_id}/certificates",
    operation_id="issueCertificate",
    summary="Get a vaccination certificate",
    response_class=Response,
    openapi_extra=AUTHENTICATED,
    responses={
        200: {
            "description": "A new certificate, with a number of its own.",
            "content": {form.media_type: BINARY for form in CertificateFormat},
        },
        403: {"description": "The holder and representatives alone have vaccinations certified."},
        404: {"description": "There is no such record, or you may not know of it; or no certificate is issued here."},
        422: {
            "description": "`holder-mismatch`: the names or the birth date are not those of the person of this record; "
            "`no-certifiable-dose`, `too-many-doses`, `dose-selection-invalid`."
        },
    },
)
@urgent(Urgency.READ)
async def post_certificate(
    record_id: UUID,
    body: CertificateBody,
    request: Request,
    context: InjectedReadContext,
    issuing: InjectedIssuing,
    form: Annotated[
        CertificateFormat,
        Query(alias="format", description="a file for wallets, a page to print, or a QR code as a picture"),
    ] = CertificateFormat.CARD,
) -> Response:
    """Returns a SMART Health Card about doses that professionals recorded, which anybody can verify.

    Records knows nobody by name: name the person in the body, and the record confirms it.
    """
    card = await issue_certificate(context, issuing, await caller_of(request), record_id, body.parsed(form))
    content = await asyncio.to_thread(_written, card, form, body.disease)
    disposition = f'attachment; filename="{form.file_name}"'
    return Response(content, 200, {**_SHIELDED, "content-disposition": disposition}, form.media_type)


def _written(card: IssuedCard, form: CertificateFormat, disease: str | None) -> bytes:
    match form:
        case CertificateFormat.CARD:
            return card.file()
        case CertificateFormat.PDF:
            return write_pdf(card, None if disease is None else vaccine_diseases()[disease])
        case CertificateFormat.SVG | CertificateFormat.PNG:
            return qr_image(card.codes[0], "svg" if form is CertificateFormat.SVG else "png")
