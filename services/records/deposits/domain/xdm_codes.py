"""Reads the codes of a DocumentEntry: type, confidentiality, format, facility and practice setting.

Of a CDA, what the entry does not state follows from its header. Source: IHE ITI TF-3 4.2.3.2.
"""

import re
from dataclasses import dataclass
from typing import Final

from services.records.deposits.domain.xdm_reports import EntryReport
from shared.cda.header import CdaHeader
from shared.cda.summary import CdaCode
from shared.fhir.outcomes import IssueType
from shared.fhir.submission import Coding
from shared.terminology import oids, visibility
from shared.terminology.documents import DocumentType, document_type, format_system
from shared.xdm.metadata import DocumentEntry, XdsCode

_OID: Final = re.compile(r"[0-2](?:\.\d+)+", re.ASCII)
_SYSTEMS: Final = {"1.2.250.1.71.4.2.4": oids.TRE_R02_SYSTEM, "1.2.250.1.213.1.1.4.9": oids.TRE_A01_SYSTEM}


@dataclass(frozen=True, slots=True)
class DocumentCodes:
    """The mandatory codes of a document. `labels`: as in SubmittedDocument."""

    type: DocumentType
    labels: tuple[str, ...]
    format: Coding
    facility_type: Coding
    practice_setting: Coding


def codes_of(entry: DocumentEntry, header: CdaHeader | None, report: EntryReport) -> DocumentCodes | None:
    """Returns the codes; None, with issues, where one is missing or unknown."""
    facility_type, practice_setting = (header.facility_type, header.practice_setting) if header else (None, None)
    kind, labels, format_ = _type(entry, header, report), _labels(entry, header, report), _format(entry, header, report)
    facility = _coding(entry.facility_type, facility_type)
    practice = _coding(entry.practice_setting, practice_setting)
    if facility is None:
        report.missing("healthcareFacilityTypeCode")
    if practice is None:
        report.missing("practiceSettingCode")
    if kind is None or labels is None or format_ is None or facility is None or practice is None:
        return None
    return DocumentCodes(kind, labels, format_, facility, practice)


def coding_of(code: XdsCode) -> Coding:
    """Returns a code with its system as a URI."""
    return Coding(_uri(code.system), code.code, code.label)


def _type(entry: DocumentEntry, header: CdaHeader | None, report: EntryReport) -> DocumentType | None:
    if entry.type is not None:
        kind = document_type(entry.type.code, entry.type.system)
    elif header is not None:
        kind = document_type(header.type.code, header.type.system_oid)
    else:
        report.missing("typeCode")
        return None
    if kind is None:
        report.add(
            "type-unknown",
            f"typeCode is not in the value set of the DMP ({oids.JDV_J66}): a LOINC or TRE_A05 code.",
            IssueType.CODE_INVALID,
        )
    return kind


def _labels(entry: DocumentEntry, header: CdaHeader | None, report: EntryReport) -> tuple[str, ...] | None:
    """Returns the labels; None, with an issue, where one is unknown, because a label must not be lost."""
    stated = [(code.code, _uri(code.system)) for code in entry.confidentiality]
    if not stated and header is not None:
        stated = [(header.confidentiality, None)]
    if not stated:
        report.missing("confidentialityCode")
        return None
    labels = [visibility.label(code, system) for code, system in stated]
    understood = [label for label in labels if label is not None]
    if len(understood) < len(labels):
        report.add(
            "security-label-unknown",
            "A confidentialityCode is unknown: use N, R, V, MASQUE_PS, INVISIBLE_PATIENT or "
            "INVISIBLE_REPRESENTANTS_LEGAUX, with its codingScheme.",
            IssueType.CODE_INVALID,
        )
        return None
    return visibility.normalised(understood)


def _format(entry: DocumentEntry, header: CdaHeader | None, report: EntryReport) -> Coding | None:
    if entry.format is not None:
        return Coding(format_system(entry.format.code), entry.format.code, entry.format.label)
    if header is not None:
        return Coding(format_system(header.format_code), header.format_code)
    report.missing("formatCode")
    return None


def _coding(stated: XdsCode | None, in_header: CdaCode | None) -> Coding | None:
    if stated is not None:
        return Coding(_SYSTEMS.get(stated.system or "") or _uri(stated.system), stated.code, stated.label)
    if in_header is not None:
        system = in_header.system_oid
        return Coding(_SYSTEMS.get(system or "") or _uri(system), in_header.code, in_header.label)
    return None


def _uri(system: str | None) -> str | None:
    """Returns the system of a code as a URI: those of XDS are OIDs."""
    return f"urn:oid:{system}" if system is not None and _OID.fullmatch(system) else system
