"""The envelope of an XDM archive: the correctable values of METADATA.XML, and their correction.

A correction changes these values in the text of METADATA.XML; every other byte of it and of the other files stays.
Hash and size are never computed here: they are what the sender states about its file.
Source: IHE ITI TF-3 4.2.3 (slots and schemes of a DocumentEntry).
"""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from services.records.deposits.domain.bundle_envelopes import stated_traits
from services.records.deposits.domain.xdm_parties import is_of_ins, read_ins
from services.records.deposits.domain.xdm_patient_info import PatientInfo
from services.records.deposits.domain.xdm_submissions import metadata_files
from services.records.quarantine.domain.corrections import Corrections, NotCorrectableError
from shared.cda.element import Element
from shared.terminology.documents import DocumentType, document_type
from shared.values import Ins, SentTraits
from shared.xdm.archive import read_archive
from shared.xdm.archive_rewrite import replaced_files
from shared.xdm.ebrim_edits import EditableMetadata
from shared.xdm.errors import InvalidArchiveError
from shared.xdm.hl7 import read_patient_info
from shared.xdm.metadata import PATIENT_ID, SET_PATIENT_ID, TYPE_CODE, DocumentEntry, read_metadata

_INFO: Final = "sourcePatientInfo"


def fields_of_archive(body: bytes, limit: int) -> dict[str, str]:
    """Returns the present values of the correctable fields; type, hash and size of the only document. `limit`: the
    bytes of all files once unpacked."""
    entries: list[DocumentEntry] = []
    with suppress(InvalidArchiveError):
        archive = read_archive(body, limit)
        for file in metadata_files(archive):
            entries += read_metadata(archive.read(file)).entries
    ins = next((ins for entry in entries if (ins := read_ins(entry.patient_id)) is not None), None)
    fields = {} if ins is None else {"ins": f"{ins.system}|{ins.matricule}"}
    infos = (read_patient_info(entry.slots.get(_INFO, ())) for entry in entries)
    fields |= stated_traits(next((info for info in infos if info is not None), SentTraits()))
    if len(entries) == 1:
        [entry] = entries
        stated = {
            "type": entry.type.code if entry.type is not None else None,
            "hash": entry.slot("hash"),
            "size": entry.slot("size"),
        }
        fields |= {name: value for name, value in stated.items() if value is not None}
    return fields


def corrected_archive(body: bytes, corrections: Corrections, limit: int) -> bytes:
    """Returns the archive with corrected metadata. `limit`: as above. Raises NotCorrectableError."""
    try:
        archive = read_archive(body, limit)
        stated = {file.name: archive.read(file) for file in metadata_files(archive)}
        metadata = {name: EditableMetadata(content) for name, content in stated.items()}
    except InvalidArchiveError as error:
        raise NotCorrectableError from error
    _correct(list(metadata.values()), corrections)
    contents = {name: editable.content() for name, editable in metadata.items()}
    return replaced_files(archive, {name: content for name, content in contents.items() if content != stated[name]})


@dataclass(frozen=True, slots=True)
class _Document:
    """An ExtrinsicObject in its METADATA.XML."""

    metadata: EditableMetadata
    element: Element

    def set_ins(self, ins: Ins) -> None:
        """Sets patientId, and each INS of the source system's identifiers."""
        identifier = _identifier(self.element, PATIENT_ID)
        if identifier is not None:
            _require(self.metadata.set_attribute(identifier, "value", _cx(ins)))
        else:
            self._add_patient_id(ins)
        for value in _values(self.element, "sourcePatientId"):
            if is_of_ins(value.text.strip()):
                _require(self.metadata.set_text(value, _cx(ins)))
        info, values = self._patient_info()
        info.replace_ins(_cx(ins))
        self._write(info, values)

    def _add_patient_id(self, ins: Ins) -> None:
        id = self.element.get("id") or ""
        attributes = {
            "id": f"{id}-patientId",
            "registryObject": id,
            "identificationScheme": PATIENT_ID,
            "value": _cx(ins),
        }
        _require(self.metadata.add_empty_element(self.element, "ExternalIdentifier", attributes))

    def set_traits(self, corrections: Corrections) -> bool:
        """Sets traits in sourcePatientInfo. Returns False where the document states none."""
        info, values = self._patient_info()
        if info.is_empty:
            return False
        info.set_traits(corrections)
        self._write(info, values)
        return True

    def _patient_info(self) -> tuple[PatientInfo, list[Element]]:
        values = _values(self.element, _INFO)
        return PatientInfo(value.text.strip() for value in values), values

    def _write(self, info: PatientInfo, values: list[Element]) -> None:
        for number in sorted(info.changed):
            if number < len(values):
                _require(self.metadata.set_text(values[number], info.values[number]))
            else:
                parent = _value_lists(self.element, _INFO)[-1]
                _require(self.metadata.add_text_element(parent, "Value", info.values[number]))

    @property
    def has_known_type(self) -> bool:
        """Whether typeCode is a type of the DMP."""
        part = _classification(self.element, TYPE_CODE)
        code = part.get("nodeRepresentation") if part is not None else None
        system = next((value.text.strip() for value in _values(part, "codingScheme")), None) if part else None
        return code is not None and document_type(code, system) is not None

    def set_type(self, new: DocumentType) -> None:
        """Sets typeCode, with its system and label where they are stated."""
        part = _classification(self.element, TYPE_CODE)
        if part is None:
            raise NotCorrectableError
        _require(self.metadata.set_attribute(part, "nodeRepresentation", new.code))
        for system in _values(part, "codingScheme")[:1]:
            _require(self.metadata.set_text(system, new.system_oid))
        for label in part.all("Name", "LocalizedString"):
            self.metadata.set_attribute(label, "value", new.label)

    def set_slot(self, name: str, text: str) -> None:
        """Sets the value of a slot that is stated. Raises NotCorrectableError."""
        value = next((value for value in _values(self.element, name) if value.text.strip()), None)
        _require(value is not None and self.metadata.set_text(value, text))


def _correct(all_metadata: list[EditableMetadata], corrections: Corrections) -> None:
    documents = [
        _Document(metadata, element)
        for metadata in all_metadata
        for element in metadata.objects
        if element.name == "ExtrinsicObject"
    ]
    if corrections.ins is not None:
        for metadata in all_metadata:
            _set_ins_of_sets(metadata, corrections.ins)
        for document in documents:
            document.set_ins(corrections.ins)
    if corrections.has_traits:
        corrected = [document for document in documents if document.set_traits(corrections)]
        _require(bool(corrected))
    if corrections.type is not None:
        for document in _documents_to_type(documents):
            document.set_type(corrections.type)
    if corrections.hash is not None:
        _only(documents).set_slot("hash", corrections.hash.hex())
    if corrections.size is not None:
        _only(documents).set_slot("size", str(corrections.size))


def _set_ins_of_sets(metadata: EditableMetadata, ins: Ins) -> None:
    """Sets patientId of the SubmissionSet, where it is stated."""
    for package in metadata.objects:
        identifier = _identifier(package, SET_PATIENT_ID)
        if identifier is not None:
            _require(metadata.set_attribute(identifier, "value", _cx(ins)))


def _documents_to_type(documents: list[_Document]) -> list[_Document]:
    """Returns the documents of unknown type, or the only document. Raises NotCorrectableError."""
    unknown = [document for document in documents if not document.has_known_type]
    return unknown or [_only(documents)]


def _only(documents: list[_Document]) -> _Document:
    if len(documents) != 1:
        raise NotCorrectableError
    return documents[0]


def _require(is_done: bool) -> None:
    if not is_done:
        raise NotCorrectableError


def _cx(ins: Ins) -> str:
    return f"{ins.matricule}^^^&{ins.oid}&ISO^NH"


def _identifier(element: Element, scheme: str) -> Element | None:
    return _of_scheme(element.all("ExternalIdentifier"), "identificationScheme", scheme)


def _classification(element: Element, scheme: str) -> Element | None:
    return _of_scheme(element.all("Classification"), "classificationScheme", scheme)


def _of_scheme(parts: Iterable[Element], attribute: str, scheme: str) -> Element | None:
    return next((part for part in parts if part.get(attribute) == scheme), None)


def _value_lists(element: Element, slot: str) -> list[Element]:
    slots = [part for part in element.all("Slot") if part.get("name") == slot]
    return [value_list for part in slots for value_list in part.all("ValueList")]


def _values(element: Element, slot: str) -> list[Element]:
    return [value for value_list in _value_lists(element, slot) for value in value_list.all("Value")]
