"""Derives a submission from CDAs alone: the metadata follow from their headers.

Source: CI-SIS, volet "Transmission d'un document CDA-R2 en HL7v2", mapping of the header to the XDS metadata
(mapping.md); PDSm 3.1.1 for what is mandatory.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

from services.records.deposits.domain.submissions import REPLACES, check_contents
from shared.cda.header import CdaHeader, read_header
from shared.cda.summary import CdaCode, CdaSummary, InstanceIdentifier
from shared.errors import InvalidError
from shared.fhir.cda_deposit import UndepositableError, author_of_cda, deposit_of_header
from shared.fhir.iti65 import Deposit
from shared.fhir.submission import (
    Coding,
    Concept,
    Identifier,
    InvalidSubmissionError,
    OptionalElements,
    Reference,
    Relation,
    Span,
    Submission,
    SubmittedDocument,
)
from shared.human_text import has_control_character
from shared.terminology import oids, visibility
from shared.values import RedactedRepr

CDA_MEDIA_TYPE: Final = "text/xml"
_MAX_ACTS: Final = 50


class ActPlaceMissingError(UndepositableError):
    """The header of the CDA lacks componentOf/encompassingEncounter/location/healthCareFacility/code, or the
    standardIndustryClassCode of a performer of the act. Both are mandatory."""

    code = "element-missing"
    french = (
        "Il manque dans l’en-tête du CDA componentOf/encompassingEncounter/location/healthCareFacility/code, ou le "
        "standardIndustryClassCode d’un exécutant de l’acte. Les deux sont obligatoires."
    )


class SeveralPatientsError(InvalidError):
    """The documents of one submission are about one patient. Send one submission for each patient."""

    code = "patient-inconsistent"
    french = "Un envoi concerne une seule personne. Faites un envoi par personne."


class CdaRefusedError(InvalidError):
    """The CDA cannot be deposited as it is."""

    code: ClassVar[str] = "submission-invalid"
    french = "Le CDA ne peut pas être déposé tel quel."

    @classmethod
    def of(cls, error: InvalidSubmissionError) -> "CdaRefusedError":
        """Returns the error that names the first issue by its code, and all of them in its message."""
        refused = cls(" ".join(issue.diagnostics for issue in error.issues))
        refused.code = error.issues[0].code  # type: ignore[misc]  # the code of this instance
        return refused


@dataclass(frozen=True, slots=True, repr=False)
class CdaContent(RedactedRepr):
    """A CDA as it arrived. `visibility`: the labels that its header cannot state. `span`: see SubmittedDocument.

    `summary`: what `check_xml` returned, where it was called. `place`: where the content stands in the request, for
    errors. `replaces`: whether it replaces what its relatedDocument names;
    without it, the relatedDocument is only compared. `keeps_labels`: see SubmittedDocument.
    """

    content: bytes
    visibility: tuple[str, ...] = ()
    span: Span | None = None
    summary: CdaSummary | None = None
    place: str | None = None
    replaces: bool = True
    keeps_labels: bool = False


def submission_of_cda(body: bytes, labels: tuple[str, ...]) -> Submission:
    """Returns the checked submission of one CDA that is the whole request. `labels`: those that its URL states.

    Raises InvalidCdaError, UndepositableError and CdaRefusedError.
    """
    whole = Span(0, len(body), is_base64=False)
    try:
        return check_contents(submission_of_cdas([CdaContent(body, labels, whole)]))
    except InvalidSubmissionError as error:
        raise CdaRefusedError.of(error) from None


def submission_of_cdas(contents: Sequence[CdaContent]) -> Submission:
    """Returns the submission of one or more CDAs about one patient; its contents are not checked yet.

    Raises InvalidCdaError, UndepositableError (see deposit_of_cda) and SeveralPatientsError.
    """
    documents = tuple(_document(index, content) for index, content in enumerate(contents))
    if len({document.ins for document in documents}) > 1:
        raise SeveralPatientsError
    date = max(document.date for document in documents)
    return Submission(None, None, documents[0].ins, date, documents, ())


def _document(index: int, cda: CdaContent) -> SubmittedDocument:
    header = read_header(cda.content)
    deposit = deposit_of_header(header, cda.content, visibility=cda.visibility)
    facility_type = _coding(header.facility_type, oids.TRE_R02_SYSTEM)
    practice_setting = _coding(header.practice_setting, oids.TRE_A01_SYSTEM)
    if facility_type is None or practice_setting is None:
        raise ActPlaceMissingError
    if has_control_character(header.title):
        raise UndepositableError("The title of the CDA has a control character.")
    return SubmittedDocument(
        entry=index,
        binary_entry=index,
        unique_id=header.unique_id,
        type=deposit.type,
        class_sent=None,
        format=deposit.format or Coding(None, header.format_code),
        labels=_labels(deposit),
        ins=deposit.ins,
        traits=header.traits,
        authors=deposit.authors,
        custodian=deposit.custodian,
        title=deposit.title,
        language=deposit.language,
        content_type=CDA_MEDIA_TYPE,
        creation=deposit.creation,
        date=deposit.creation,
        period_start=deposit.period_start,
        period_end=deposit.period_end,
        facility_type=facility_type,
        practice_setting=practice_setting,
        sha1=hashlib.sha1(cda.content, usedforsecurity=False).digest(),
        size=len(cda.content),
        content=cda.content,
        content_span=cda.span,
        relations=(Relation(REPLACES, header.replaces),) if cda.replaces and header.replaces is not None else (),
        partial_dates=deposit.partial_dates,
        optional=optional_of(header),
        header=cda.summary,
        content_place=cda.place,
        keeps_labels=cda.keeps_labels,
    )


def _labels(deposit: Deposit) -> tuple[str, ...]:
    labels = [visibility.label(code) for code in deposit.labels]
    return visibility.normalised(label for label in labels if label is not None)


def optional_of(header: CdaHeader) -> OptionalElements:
    """Returns the elements of the header that are kept and given back, and that no rule looks at."""
    acts = (Coding(_system(act), act.code, act.label) for act in header.acts[:_MAX_ACTS])
    return OptionalElements(
        authenticator=author_of_cda(header.authenticator) if header.authenticator is not None else None,
        custodian_name=header.custodian_name,
        events=tuple(Concept((act,)) for act in acts),
        source_patient=_identifiers(header.patient_ids),
        encounters=tuple(Reference(identifier=identifier) for identifier in _identifiers(header.encounter_ids)),
    )


def _identifiers(ids: Iterable[InstanceIdentifier]) -> tuple[Identifier, ...]:
    return tuple(Identifier(f"urn:oid:{id.root}", id.extension) for id in ids)


def _system(code: CdaCode) -> str | None:
    return None if code.system_oid is None else f"urn:oid:{code.system_oid}"


def _coding(code: CdaCode | None, system: str) -> Coding | None:
    return Coding(system, code.code, code.label) if code is not None else None
