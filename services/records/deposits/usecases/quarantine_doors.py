"""The doors POST /fhir, POST /cda and POST /xdm, as quarantine needs them: what they keep, correct and send again."""

import asyncio
from collections.abc import Awaitable, Callable

from services.records.deposits.domain.bundle_envelopes import (
    corrected_bundle,
    fields_of_bundle,
    ins_of_content,
    persons_of_bundle,
)
from services.records.deposits.domain.cda_submissions import submission_of_cda
from services.records.deposits.domain.submissions import parse_and_check
from services.records.deposits.domain.xdm_envelopes import corrected_archive, fields_of_archive
from services.records.deposits.domain.xdm_submissions import checked_xdm, persons_of_archive
from services.records.deposits.usecases.deposit_documents import RecordLocator, deposit_documents
from services.records.facts.context import ReadContext
from services.records.quarantine.context import QuarantineDoor
from services.records.quarantine.domain.causes import cause_of
from services.records.quarantine.domain.corrections import (
    DOCUMENT_FIELDS,
    PATIENT_FIELDS,
    Corrections,
    NotCorrectableError,
)
from services.records.quarantine.domain.requests import RefusedRequest, StatedPersons
from services.records.tracking.steps.depositor import depositor_of
from shared.crypto.keyring import Keyring
from shared.fhir.submission import Submission
from shared.http.tokens import Caller
from shared.xdm.archive import read_archive

Resend = Callable[[Caller, RefusedRequest], Awaitable[None]]
FHIR = "fhir"
CDA = "cda"
XDM = "xdm"


def fhir_door(context: ReadContext, ins_hmac: Keyring) -> QuarantineDoor:
    """Returns the door POST /fhir."""
    return QuarantineDoor(
        fields=(*PATIENT_FIELDS, *DOCUMENT_FIELDS),
        cause_of=cause_of,
        persons_of=persons_of_bundle,
        stated_fields=fields_of_bundle,
        corrected=corrected_bundle,
        resend=_resend(context, ins_hmac, lambda request: parse_and_check(request.body)),
    )


def cda_door(context: ReadContext, ins_hmac: Keyring) -> QuarantineDoor:
    """Returns the door POST /cda, where nothing can be corrected: a CDA states everything itself."""
    return QuarantineDoor(
        fields=(),
        cause_of=cause_of,
        persons_of=lambda body: StatedPersons(documents=frozenset(ins_of_content(body))),
        stated_fields=lambda _: {},
        corrected=_not_correctable,
        resend=_resend(context, ins_hmac, lambda request: submission_of_cda(request.body, request.labels)),
    )


def xdm_door(context: ReadContext, ins_hmac: Keyring, limit: int) -> QuarantineDoor:
    """Returns the door POST /xdm. `limit`: the bytes of all files of an archive once unpacked."""
    return QuarantineDoor(
        fields=(*PATIENT_FIELDS, *DOCUMENT_FIELDS),
        cause_of=cause_of,
        persons_of=lambda body: persons_of_archive(body, limit),
        stated_fields=lambda body: fields_of_archive(body, limit),
        corrected=lambda body, corrections: corrected_archive(body, corrections, limit),
        resend=_resend(context, ins_hmac, lambda request: checked_xdm(read_archive(request.body, limit))),
    )


def _resend(context: ReadContext, ins_hmac: Keyring, read: Callable[[RefusedRequest], Submission]) -> Resend:
    """Returns the deposit of what is read from a kept request."""

    async def resend(caller: Caller, request: RefusedRequest) -> None:
        submission = await asyncio.to_thread(read, request)
        await deposit_documents(context, RecordLocator(ins_hmac), depositor_of(caller), submission, request.body)

    return resend


def _not_correctable(_: bytes, __: Corrections) -> bytes:
    raise NotCorrectableError
