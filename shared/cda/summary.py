"""The parts of a CDA header that identify the document: patient, type, identifier, time and the document it replaces.

Sources: see `shared.cda.header`, which reads the whole header with the same functions.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Final

from shared.cda.element import Element
from shared.moments import FRANCE
from shared.terminology import oids
from shared.values import (
    Ins,
    InvalidInsError,
    RedactedRepr,
    SentTraits,
    Sex,
    document_id,
    first_given_name,
    is_cog,
    is_day,
    normalise_name,
)

# HL7 TS: year to fraction of a second, each step optional, with a zone at the end (its minutes optional) or none.
_TIME = re.compile(
    r"(\d{4})(?:(\d\d)(?:(\d\d)(?:(\d\d)(?:(\d\d)(?:(\d\d)(?:\.\d+)?)?)?)?)?)?([+-]\d\d(?:\d\d)?)?", re.ASCII
)
_YEARS: Final = range(1850, 2200)
_LEAP_SECOND: Final = 60


@dataclass(frozen=True, slots=True)
class CdaCode:
    """A code, the OID of its system and its label."""

    code: str
    system_oid: str | None
    label: str | None = None


@dataclass(frozen=True, slots=True, repr=False)
class InstanceIdentifier(RedactedRepr):
    """An identifier (HL7 II) of a patient or an act exactly as the document gives it."""

    root: str
    extension: str


@dataclass(frozen=True, slots=True, repr=False)
class CdaSummary(RedactedRepr):
    """The values that are compared with the metadata of the submission; None where the header does not state one."""

    ins: tuple[Ins, ...]
    """The well-formed INS of the patient; a CDA with an INS-C alone has none."""
    traits: SentTraits
    unique_id: str | None
    type: CdaCode | None
    effective_time: str | None
    """The HL7 timestamp (TS) as written: `parse_time` reads it, `has_zone` says whether it names one moment."""
    confidentiality: str | None
    replaces: str | None


def summary_of(document: Element) -> CdaSummary:
    """Returns the summary of a ClinicalDocument tree, which may hold only the elements that the summary needs."""
    roles = document.all("recordTarget", "patientRole")
    role = roles[0] if roles else Element("patientRole", {})
    return CdaSummary(
        ins=tuple(ins for identifier in instance_ids(role) if (ins := ins_of(identifier)) is not None),
        traits=traits_of(role.first("patient") or Element("patient", {})),
        unique_id=element_id(document.first("id")),
        type=code_of(document.first("code")),
        effective_time=document.get("value", "effectiveTime"),
        confidentiality=document.get("code", "confidentialityCode"),
        replaces=replaced_by(document),
    )


def has_zone(value: str) -> bool:
    """Whether an HL7 timestamp has a time zone and at least its seconds."""
    match = _TIME.fullmatch(value)
    return match is not None and match[6] is not None and match[7] is not None


def parse_time(value: str | None) -> datetime | None:
    """Returns an HL7 timestamp (CDA R2, TS: YYYY[MM[DD[HH[MM[SS[.f...]]]]]][+ZZ[zz]]) as an aware datetime, its first
    moment when partial; None for anything else. A timestamp without a zone is French time, second 60 (a leap second) is
    the first of the next minute."""
    match = _TIME.fullmatch(value) if value else None
    if match is None or int(match[1]) not in _YEARS:
        return None
    year, month, day, *clock = (int(part) if part else None for part in match.groups()[:6])
    hour, minute, second = (part or 0 for part in clock)
    try:
        zone = _zone(match[7]) if match[7] else FRANCE
        is_leap_second = second == _LEAP_SECOND
        moment = datetime(year or 0, month or 1, day or 1, hour, minute, second - is_leap_second, tzinfo=zone)
    except ValueError:
        return None
    return moment + timedelta(seconds=is_leap_second)


def partial_date(value: str | None) -> str | None:
    """Returns an HL7 timestamp that names only a day, month or year as a FHIR date (2026-03-12, 2026-03 or 2026); None
    for one with a time, and for anything else."""
    match = _TIME.fullmatch(value) if value and parse_time(value) is not None else None
    return "-".join(part for part in match.groups()[:3] if part) if match is not None and match[4] is None else None


def _zone(text: str) -> timezone:
    offset = timedelta(hours=int(text[1:3]), minutes=int(text[3:5] or 0))
    return timezone(-offset if text[0] == "-" else offset)


def element_id(element: Element | None) -> str | None:
    """Returns an `id` element in canonical form; None when it is neither an OID nor a UUID."""
    root = element.get("root") if element is not None else None
    return document_id(root, element.get("extension")) if element is not None and root is not None else None


def code_of(element: Element | None) -> CdaCode | None:
    """Returns the code of an element; None when it has none."""
    code = element.get("code") if element is not None else None
    if element is None or code is None:
        return None
    return CdaCode(code, element.get("codeSystem"), element.get("displayName"))


def instance_ids(element: Element) -> list[InstanceIdentifier]:
    """Returns the identifiers of a role or an act that have a root and an extension."""
    pairs = [(identifier.get("root"), identifier.get("extension")) for identifier in element.all("id")]
    return [InstanceIdentifier(root, extension) for root, extension in pairs if root and extension]


def ins_of(identifier: InstanceIdentifier) -> Ins | None:
    """Returns the identifier as an INS when it is a well-formed one, else None."""
    try:
        return Ins.parse(identifier.extension, identifier.root) if identifier.root in oids.INS_OIDS else None
    except InvalidInsError:
        return None


def traits_of(patient: Element) -> SentTraits:
    """Returns the strict traits of a patient element.

    The birth name is the family name with qualifier BR, else one without qualifier. The COG code of the place is in
    `county`.
    """
    families, givens = patient.all("name", "family"), patient.all("name", "given")
    family = _part(families, "BR") or _part(families, None)
    given_name = first_given_name(_part(givens, "BR"), _part(givens, None))
    birth = (patient.get("value", "birthTime") or "")[:8]
    day = f"{birth[:4]}-{birth[4:6]}-{birth[6:8]}"
    place = patient.first("birthplace", "place", "addr", "county")
    cog = place.text.strip().upper() if place is not None else ""
    return SentTraits(
        birth_name=family if family and normalise_name(family) else None,
        given_name=given_name if given_name and normalise_name(given_name) else None,
        birth_date=day if is_day(day) else None,
        sex=Sex.of(patient.get("code", "administrativeGenderCode")),
        birth_place=cog if is_cog(cog) else None,
    )


def _part(parts: list[Element], qualifier: str | None) -> str | None:
    """Returns the first name part with this qualifier (one attribute may list several), or for None the first
    without any."""
    for part in parts:
        qualifiers = part.attributes.get("qualifier", "").split()
        text = " ".join(part.text.split())
        if text and (qualifier in qualifiers if qualifier is not None else not qualifiers):
            return text
    return None


def replaced_by(document: Element) -> str | None:
    """Returns the document that this one replaces (relatedDocument RPLC), in canonical form, or None."""
    for related in document.all("relatedDocument"):
        if related.get("typeCode") == "RPLC":
            return element_id(related.first("parentDocument", "id"))
    return None
