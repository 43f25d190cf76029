"""XDM archives of invented persons, built by `zipfile` and templates alone: no code of the readers under test."""

import hashlib
import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from uuid import UUID

from shared.terminology import oids
from tests.infra.load.documents import Person
from tests.infra.records.records_api import DOCTOR, HOSPITAL

UNKNOWN_TARGET = "urn:uuid:5d1c8a52-7c1f-4d2e-9a43-0f6a2b7c9e11"
"""An entryUUID of the sender's, which says nothing here."""
PDF = b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog >>\nendobj\ntrailer << /Root 1 0 R >>\n%%EOF\n"
_HEAD = """<?xml version="1.0" encoding="{encoding}"?>
<lcm:SubmitObjectsRequest xmlns:lcm="urn:oasis:names:tc:ebxml-regrep:xsd:lcm:3.0"
  xmlns:rim="urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0"><rim:RegistryObjectList>
"""
_MADE_AT = (2026, 10, 1, 9, 30, 0)
_TAIL = "</rim:RegistryObjectList></lcm:SubmitObjectsRequest>\n"
_SET = """<rim:RegistryPackage id="SubmissionSet01">
  <rim:Slot name="submissionTime"><rim:ValueList><rim:Value>20261001074500</rim:Value></rim:ValueList></rim:Slot>
  <rim:Name><rim:LocalizedString value="Lot inventé"/></rim:Name>
  <rim:ExternalIdentifier id="ei1" registryObject="SubmissionSet01" value="{patient}"
    identificationScheme="urn:uuid:6b5aea1a-874d-4603-a4bc-96a0a7b38446"/>
  <rim:ExternalIdentifier id="ei2" registryObject="SubmissionSet01" value="1.2.250.1.213.99.4711"
    identificationScheme="urn:uuid:96fdda7c-d067-4183-912e-bf5ee74998a8"/>
  <rim:ExternalIdentifier id="ei3" registryObject="SubmissionSet01" value="1.2.250.1.213.99.1"
    identificationScheme="urn:uuid:554ac39e-e3fe-47fe-b233-965d2a147832"/>
</rim:RegistryPackage>
<rim:Classification id="cl1" classifiedObject="SubmissionSet01"
  classificationNode="urn:uuid:a54d6aa5-d40d-43f9-88c5-b4633d873bdd"/>
"""
_SCHEMES = {
    "class": "41a5887f-8865-4c09-adf7-e362475b143a",
    "confidentiality": "f4f85eac-e6cb-4883-b524-f2705394840f",
    "event": "2c6b8cb7-8b2a-4051-b291-b1ae6a575ef4",
    "format": "a09d5840-386c-46f2-b5ad-9c3699a4309d",
    "facility": "f33fb8ac-18af-42cc-ae0e-ed0b0bdb91e1",
    "practice": "cccf5598-8b07-4b77-a05e-ae952c785ead",
    "type": "f0306f51-975f-434e-a61c-c59651d33983",
}
CODES: dict[str, tuple[str, str, str]] = {
    "class": ("31", "Imagerie médicale", "1.2.250.1.213.1.1.4.1"),
    "confidentiality": ("N", "Normal", oids.CONFIDENTIALITY),
    "format": ("urn:ihe:iti:xds:2017:mimeTypeSufficient", "Suffisant", "1.3.6.1.4.1.19376.1.2.3"),
    "facility": ("SA01", "Établissement public de santé", "1.2.250.1.71.4.2.4"),
    "practice": ("ETABLISSEMENT", "Établissement de santé", "1.2.250.1.213.1.1.4.9"),
    "type": ("18748-4", "CR d'imagerie médicale", oids.LOINC),
}


def cx(person: Person) -> str:
    """Returns the INS of the person as a patientId."""
    return f"{person.ins}^^^&{oids.INS_NIR_TEST}&ISO^NH"


@dataclass(frozen=True)
class XdmDocument:
    """A document of an archive. `slots` and `codes` replace those that are made; None leaves one out.

    `replaces`: whether an association RPLC stands beside it, whose target nobody can resolve.
    """

    content: bytes
    person: Person
    unique_id: str | None
    file: str = "DOC0001.XML"
    mime_type: str = "text/xml"
    title: str | None = "Imagerie inventée"
    patient_id: str | None = ""
    slots: Mapping[str, Sequence[str] | None] = field(default_factory=dict)
    codes: Mapping[str, Sequence[tuple[str, str, str]] | None] = field(default_factory=dict)
    replaces: bool = False
    authors: bool = True

    def entry(self, id: str) -> str:
        """Returns the ExtrinsicObject."""
        parts = [_slot(name, values) for name, values in self._slots().items() if values is not None]
        if self.title is not None:
            parts.append(f'<rim:Name><rim:LocalizedString xml:lang="fr-FR" value="{escape(self.title)}"/></rim:Name>')
        codes = {name: [code] for name, code in CODES.items()} | dict(self.codes)
        parts += [_code(name, code, id) for name, values in codes.items() for code in values or ()]
        if self.authors:
            parts.append(_author(id))
        patient_id = cx(self.person) if self.patient_id == "" else self.patient_id
        for value, scheme in (
            (patient_id, "58a6f841-87b3-4a3e-92fd-a8ffeff98427"),
            (self.unique_id, "2e82c1f6-a085-4c72-9da3-8640a32e42ab"),
        ):
            if value is not None:
                parts.append(
                    f'<rim:ExternalIdentifier id="{id}-{scheme[:8]}" registryObject="{id}" '
                    f'identificationScheme="urn:uuid:{scheme}" value="{escape(value)}"/>'
                )
        kind = "urn:uuid:7edca82f-054d-47f2-a032-9b2a5b5186c1"
        head = f'<rim:ExtrinsicObject id="{id}" objectType="{kind}" mimeType="{self.mime_type}">'
        return "\n".join([head, *parts, "</rim:ExtrinsicObject>\n"])

    def info(self) -> list[str]:
        """Returns sourcePatientInfo with the traits of the person."""
        person = self.person
        return [
            f"PID-5|{person.birth_name}^{person.given_name}^^^^^L",
            f"PID-7|{person.birth_date:%Y%m%d}",
            f"PID-8|{'F' if person.sex == 'female' else 'M'}",
            "PID-11|^^^^^^BDL^^99100",
        ]

    def _slots(self) -> dict[str, Sequence[str] | None]:
        made: dict[str, Sequence[str] | None] = {
            "creationTime": ["20261001073000"],
            "hash": [hashlib.sha1(self.content, usedforsecurity=False).hexdigest()],
            "size": [str(len(self.content))],
            "languageCode": ["fr-FR"],
            "serviceStartTime": ["20261001070000"],
            "sourcePatientId": ["IPP-4711^^^&1.2.250.1.213.99.7&ISO^PI"],
            "sourcePatientInfo": self.info(),
            "legalAuthenticator": [f"{DOCTOR}^INVENTÉE^Camille^^^^^^&1.2.250.1.71.4.2.1&ISO^D^^^IDNPS"],
            "URI": [self.file],
        }
        return made | dict(self.slots)


def metadata_of(
    documents: Sequence[XdmDocument],
    *,
    encoding: str = "UTF-8",
    associations: bool = True,
    set_patient: str | None = None,
) -> str:
    """Returns the text of METADATA.XML. `set_patient`: the patientId of the SubmissionSet."""
    patient = escape(set_patient or cx(documents[0].person))
    parts = [_HEAD.format(encoding=encoding), _SET.format(patient=patient)]
    for number, document in enumerate(documents, 1):
        parts.append(document.entry(f"Document{number:02}"))
        if associations:
            parts.append(association("HasMember", "SubmissionSet01", f"Document{number:02}"))
        if document.replaces:
            parts.append(association("RPLC", f"Document{number:02}", UNKNOWN_TARGET))
    return "".join([*parts, _TAIL])


def association(kind: str, source: str, target: str) -> str:
    """Returns an Association of the kind."""
    prefix = "urn:oasis:names:tc:ebxml-regrep" if kind == "HasMember" else "urn:ihe:iti:2007"
    return (
        f'<rim:Association id="{kind}-{source}-{target[-9:]}" associationType="{prefix}:AssociationType:{kind}" '
        f'sourceObject="{source}" targetObject="{target}"/>\n'
    )


def an_archive(
    *documents: XdmDocument,
    metadata: bytes | None = None,
    folder: str = "IHE_XDM/SUBSET01",
    compression: int = zipfile.ZIP_DEFLATED,
) -> bytes:
    """Returns the XDM archive of the documents. `metadata`: the bytes of METADATA.XML instead of those made."""
    stated = metadata_of(documents).encode() if metadata is None else metadata
    files = {
        "INDEX.HTM": b"<html><body>Envoi</body></html>",
        "README.TXT": b"Envoi",
        f"{folder}/METADATA.XML": stated,
        **{f"{folder}/{document.file}": document.content for document in documents},
    }
    return zip_of(files, compression=compression)


def zip_of(files: Mapping[str, bytes], *, compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Returns a ZIP archive of the files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name, _MADE_AT), content, compression)
    return buffer.getvalue()


def a_pdf(person: Person, unique_id: UUID, **changed: object) -> XdmDocument:
    """Returns a PDF document of the person beside a CDA."""
    fields: dict[str, object] = {"file": "DOC0002.PDF", "mime_type": "application/pdf", "title": "Annexe inventée"}
    return XdmDocument(PDF, person, str(unique_id), **(fields | changed))  # type: ignore[arg-type]  # its fields


def _slot(name: str, values: Sequence[str]) -> str:
    listed = "".join(f"<rim:Value>{escape(value)}</rim:Value>" for value in values)
    return f'<rim:Slot name="{name}"><rim:ValueList>{listed}</rim:ValueList></rim:Slot>'


def _code(name: str, code: tuple[str, str, str], id: str) -> str:
    value, label, system = code
    return (
        f'<rim:Classification id="{id}-{name}-{escape(value)}" classifiedObject="{id}" '
        f'classificationScheme="urn:uuid:{_SCHEMES[name]}" '
        f'nodeRepresentation="{escape(value)}">{_slot("codingScheme", [system])}'
        f'<rim:Name><rim:LocalizedString value="{escape(label)}"/></rim:Name></rim:Classification>'
    )


def _author(id: str) -> str:
    slots = [
        _slot("authorPerson", [f"{DOCTOR}^INVENTÉE^Camille^^^DR^^^&1.2.250.1.71.4.2.1&ISO^D^^^IDNPS"]),
        _slot("authorInstitution", [f"Hôpital inventé^^^^^&1.2.250.1.71.4.2.2&ISO^IDNST^^^{HOSPITAL}"]),
        _slot("authorSpecialty", ["G15_10/SM44^Médecin - Radiologie^1.2.250.1.213.1.1.4.5"]),
    ]
    return (
        f'<rim:Classification id="{id}-author" classifiedObject="{id}" nodeRepresentation="" '
        f'classificationScheme="urn:uuid:93606bcf-9494-43ec-9b4e-a7748d1a838d">{"".join(slots)}</rim:Classification>'
    )
