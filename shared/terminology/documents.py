"""Document types that the DMP accepts (JDV_J66), the class of each (ASS_X16), and the section that shows it.

The class follows from the type and is never the author's choice (ASS_X16, CI-SIS). The section is a category of Mon
espace santé. It is not published which type a section shows, so the column is inferred (data/README.md).
"""

from dataclasses import dataclass
from functools import cache
from typing import NewType

from shared.terminology import oids
from shared.terminology.tables import rows

ClassCode = NewType("ClassCode", str)
"""TRE_A03: 10 Compte rendu, 11 Synthèse, 31, 42, 43, 44, 45, 52, 60, 90, 95."""

SectionCode = NewType("SectionCode", str)
"""A category of Mon espace santé: SYNTHESE, ORD_SOIN, RADIO_SC, BIOLOGIE, CPT_REND ..."""


@dataclass(frozen=True, slots=True)
class DocumentType:
    """A type of document: a LOINC or TRE_A05 code with its French label, its class and its section."""

    code: str
    system_oid: str
    label: str
    class_code: ClassCode
    section: SectionCode

    @property
    def system(self) -> str:
        """The FHIR system of the code."""
        return oids.LOINC_SYSTEM if self.system_oid == oids.LOINC else oids.TRE_A05_SYSTEM


# The spellings that senders use for the two systems: canonical URI, NOS table, OID.
_SYSTEMS = {
    oids.LOINC_SYSTEM: oids.LOINC,
    oids.TRE_A04_SYSTEM: oids.LOINC,
    oids.LOINC: oids.LOINC,
    f"urn:oid:{oids.LOINC}": oids.LOINC,
    oids.TRE_A05_SYSTEM: oids.TRE_A05,
    oids.TRE_A05: oids.TRE_A05,
    f"urn:oid:{oids.TRE_A05}": oids.TRE_A05,
}


@cache
def document_types() -> dict[str, DocumentType]:
    """Returns all types of JDV_J66 by code."""
    return {row["code"]: _type(row) for row in rows("document_types")}


def document_type(code: str, system: str | None = None) -> DocumentType | None:
    """Returns the type with this code, or None. A given system (URI or OID) must be that of the code."""
    known_type = document_types().get(code)
    if known_type is None or (system is not None and _SYSTEMS.get(system) != known_type.system_oid):
        return None
    return known_type


@cache
def class_labels() -> dict[ClassCode, str]:
    """Returns the French labels of the classes (TRE_A03)."""
    return {ClassCode(row["code"]): row["label_fr"] for row in rows("document_classes")}


@cache
def section_labels() -> dict[SectionCode, str]:
    """Returns the French labels of the sections, in their order of display."""
    return {SectionCode(row["code"]): row["label_fr"] for row in rows("sections")}


def section_label(code: str) -> str | None:
    """Returns the French label of a section; None for a code that is none."""
    return section_labels().get(SectionCode(code))


@cache
def _formats() -> dict[str, str]:
    return {row["template_oid"]: row["format_code"] for row in rows("format_codes")}


_UNSTRUCTURED = {
    "application/pdf": "urn:ihe:iti:xds-sd:pdf:2008",
    "text/plain": "urn:ihe:iti:xds-sd:text:2008",
    "image/jpeg": "urn:ihe:iti-fr:xds-sd:jpeg:2010",
    "image/tiff": "urn:ihe:iti-fr:xds-sd:tiff:2010",
    "application/rtf": "urn:ihe:iti-fr:xds-sd:rtf:2010",
    "text/rtf": "urn:ihe:iti-fr:xds-sd:rtf:2010",
}
_BY_MEDIA_TYPE = "urn:ihe:iti:xds:2017:mimeTypeSufficient"


def format_code(template_oids: tuple[str, ...], body_media_type: str | None = None) -> str:
    """Returns the format of a CDA (ASS_A11), from its templateIds, or from the media type of an unstructured body.

    Of several known templates the last counts, since the CI-SIS puts the most specific one last. Without a known
    template the format is that of the media type alone (IHE `mimeTypeSufficient`).
    """
    if body_media_type is not None:
        return _UNSTRUCTURED.get(body_media_type, _BY_MEDIA_TYPE)
    codes = [code for oid in template_oids if (code := _formats().get(oid))]
    return codes[-1] if codes else _BY_MEDIA_TYPE


def format_system(code: str) -> str:
    """Returns the FHIR system of a format code: TRE_A11 for those of IHE, TRE_A06 for the French ones (JDV_J10)."""
    return oids.TRE_A11_SYSTEM if code.startswith("urn:ihe:") else oids.TRE_A06_SYSTEM


def _type(row: dict[str, str]) -> DocumentType:
    return DocumentType(
        code=row["code"],
        system_oid=row["system_oid"],
        label=row["label_fr"],
        class_code=ClassCode(row["class_code"]),
        section=SectionCode(row["section_inferred"]),
    )
