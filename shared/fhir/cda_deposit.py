"""Derives what is deposited from the header of a CDA, and builds the ITI-65 submission of a CDA.

Source: CI-SIS, volet "Transmission d'un document CDA-R2 en HL7v2", mapping of the header to the XDS metadata
(mapping.md).
"""

from dataclasses import replace
from datetime import datetime

from shared.cda.header import CdaAuthor, CdaHeader, read_header
from shared.cda.summary import CdaCode
from shared.errors import InvalidError
from shared.fhir.dates import includes
from shared.fhir.iti65 import NO_FACILITY_TYPE, NO_PRACTICE_SETTING, Deposit, bundle
from shared.fhir.submission import Author, AuthorKind, Coding
from shared.terminology import oids
from shared.terminology.documents import document_type, format_system
from shared.terminology.visibility import label


class UndepositableError(InvalidError):
    """This document cannot be deposited as it is."""

    code = "document-not-depositable"


class UnknownTypeError(UndepositableError):
    """The type of the CDA is not in the value set of the DMP (JDV_J66): a LOINC or TRE_A05 code."""

    code = "type-unknown"


class MissingInsError(UndepositableError):
    """The header of the CDA has no INS-NIR or INS-NIA in recordTarget."""

    code = "ins-missing"


def deposit_of_cda(content: bytes, *, visibility: tuple[str, ...] = ()) -> Deposit:
    """Returns a deposit with the metadata of a CDA header; relatedDocument RPLC becomes relatesTo.

    `visibility`: MASQUE_PS, INVISIBLE_PATIENT, INVISIBLE_REPRESENTANTS_LEGAUX; the header cannot state them. Raises
    InvalidCdaError, and UndepositableError when the header lacks an INS or an author, has a type or a confidentiality
    that the DMP does not accept, or states an act that ends before it begins.
    """
    return deposit_of_header(read_header(content), content, visibility=visibility)


def deposit_of_header(header: CdaHeader, content: bytes, *, visibility: tuple[str, ...] = ()) -> Deposit:
    """Returns the deposit of a CDA whose header has been read; see deposit_of_cda. Raises UndepositableError."""
    kind = document_type(header.type.code, header.type.system_oid)
    if kind is None:
        raise UnknownTypeError
    if not header.ins:
        raise MissingInsError
    if not header.authors:
        raise UndepositableError("The header has no author.")
    if label(header.confidentiality) is None:
        raise UndepositableError("The header's confidentialityCode is not N, R or V.")
    start, partial_start = begin_of(header)
    _check_period(start, header)
    return Deposit(
        content=content,
        content_type="text/xml",
        ins=header.ins[0],
        type=kind,
        title=header.title,
        creation=header.effective_time,
        period_start=start,
        period_end=header.service_stop,
        partial_dates=replace(header.partial_dates, period_start=partial_start),
        authors=tuple(author_of_cda(author) for author in header.authors),
        custodian=header.custodian,
        unique_id=header.unique_id,
        format=Coding(format_system(header.format_code), header.format_code),
        traits=header.traits,
        labels=(header.confidentiality, *visibility),
        language=header.language,
        facility_type=_coding(header.facility_type, oids.TRE_R02_SYSTEM) or NO_FACILITY_TYPE,
        practice_setting=_coding(header.practice_setting, oids.TRE_A01_SYSTEM) or NO_PRACTICE_SETTING,
        replaces=header.replaces,
    )


def bundle_of_cda(content: bytes, *, visibility: tuple[str, ...] = ()) -> bytes:
    """Returns the ITI-65 Bundle of a CDA as JSON. Raises the errors of deposit_of_cda."""
    return bundle(deposit_of_cda(content, visibility=visibility))


def author_of_cda(author: CdaAuthor) -> Author:
    """Returns the author as a submission names them."""
    kind = AuthorKind.DEVICE if author.is_device else AuthorKind.PROFESSIONAL
    role = author.role.code if author.role else None
    return Author(kind, author.professional, author.organisation, role, author.name, author.organisation_name)


def _coding(code: CdaCode | None, system: str) -> Coding | None:
    return Coding(system, code.code) if code is not None else None


def begin_of(header: CdaHeader) -> tuple[datetime, str | None]:
    """Returns the beginning of the act, and its text if it is partial. An act without one begins with the document, or
    when it ends if that is earlier."""
    start, stop, dates = header.service_start, header.service_stop, header.partial_dates
    if start is not None:
        return start, dates.period_start
    if stop is not None and stop < header.effective_time:
        return stop, dates.period_end
    return header.effective_time, dates.creation


def _check_period(start: datetime, header: CdaHeader) -> None:
    """Raises UndepositableError when the act ends before it begins. A partial end includes its whole day, month or
    year, in French time or in the zone of the beginning."""
    stop, partial = header.service_stop, header.partial_dates.period_end
    if stop is not None and stop < start and not (partial and includes(partial, start.isoformat(), start)):
        raise UndepositableError("The header's documentationOf/serviceEvent ends before it begins.")
