"""Reads the metadata of a submission set: its documents with their attributes, and how they relate to others.

Values stay as they are stated; what is mandatory, and what they must agree with, is checked where they are used.
Source: IHE ITI TF-3 4.2 (slots, classification and identification schemes).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from shared.cda.element import Element
from shared.values import RedactedRepr
from shared.xdm.ebrim import read_objects, slots_of, text_of
from shared.xdm.errors import InvalidMetadataError

MAX_DOCUMENTS: Final = 100
_SUBMISSION_SET: Final = "urn:uuid:a54d6aa5-d40d-43f9-88c5-b4633d873bdd"
_FOLDER: Final = "urn:uuid:d9d542f3-6cc4-48b6-8870-ea235fbc94c2"
SET_PATIENT_ID: Final = "urn:uuid:6b5aea1a-874d-4603-a4bc-96a0a7b38446"
_SET_UNIQUE_ID: Final = "urn:uuid:96fdda7c-d067-4183-912e-bf5ee74998a8"
_SET_SOURCE: Final = "urn:uuid:554ac39e-e3fe-47fe-b233-965d2a147832"
PATIENT_ID: Final = "urn:uuid:58a6f841-87b3-4a3e-92fd-a8ffeff98427"
_UNIQUE_ID: Final = "urn:uuid:2e82c1f6-a085-4c72-9da3-8640a32e42ab"
_AUTHOR: Final = "urn:uuid:93606bcf-9494-43ec-9b4e-a7748d1a838d"
_CLASS: Final = "urn:uuid:41a5887f-8865-4c09-adf7-e362475b143a"
_CONFIDENTIALITY: Final = "urn:uuid:f4f85eac-e6cb-4883-b524-f2705394840f"
_EVENT: Final = "urn:uuid:2c6b8cb7-8b2a-4051-b291-b1ae6a575ef4"
_FORMAT: Final = "urn:uuid:a09d5840-386c-46f2-b5ad-9c3699a4309d"
_FACILITY: Final = "urn:uuid:f33fb8ac-18af-42cc-ae0e-ed0b0bdb91e1"
_PRACTICE: Final = "urn:uuid:cccf5598-8b07-4b77-a05e-ae952c785ead"
TYPE_CODE: Final = "urn:uuid:f0306f51-975f-434e-a61c-c59651d33983"
ON_DEMAND: Final = "urn:uuid:34268e47-fdf5-41a6-ba33-82133c465248"
"""The object type of a document that is made when it is asked for, and so has no content."""


@dataclass(frozen=True, slots=True)
class XdsCode:
    """A code, its system as stated (mostly an OID) and its label."""

    code: str
    system: str | None
    label: str | None


@dataclass(frozen=True, slots=True, repr=False)
class XdsAuthor(RedactedRepr):
    """An author: the XCN of the person or device, the XON of the institution, the CE of the speciality."""

    person: str | None
    institution: str | None
    specialty: str | None


@dataclass(frozen=True, slots=True, repr=False)
class DocumentEntry(RedactedRepr):
    """A DocumentEntry (ExtrinsicObject). `number`: its place among those of the file, from 1."""

    number: int
    id: str
    object_type: str | None
    status: str | None
    mime_type: str | None
    title: str | None
    comments: str | None
    unique_id: str | None
    patient_id: str | None
    slots: dict[str, tuple[str, ...]]
    authors: tuple[XdsAuthor, ...]
    class_code: XdsCode | None
    confidentiality: tuple[XdsCode, ...]
    events: tuple[XdsCode, ...]
    format: XdsCode | None
    facility_type: XdsCode | None
    practice_setting: XdsCode | None
    type: XdsCode | None

    def slot(self, name: str) -> str | None:
        """Returns the first value of a slot, or None."""
        return next(iter(self.slots.get(name, ())), None)

    @property
    def uri(self) -> str | None:
        """The path of the file, relative to METADATA.XML; a long one stands in numbered parts, `1|IHE`, `2|_DOC`."""
        values = self.slots.get("URI", ())
        parts = [(number, text) for number, bar, text in (value.partition("|") for value in values) if bar]
        parts.sort(key=lambda part: (len(part[0]), part[0]))
        return "".join(text for _, text in parts) or next(iter(values), None)


@dataclass(frozen=True, slots=True, repr=False)
class SubmissionSet(RedactedRepr):
    """The SubmissionSet (RegistryPackage)."""

    id: str
    unique_id: str | None
    source_id: str | None
    patient_id: str | None
    submission_time: str | None


@dataclass(frozen=True, slots=True)
class Association:
    """An association: the last part of its type, such as HasMember or RPLC, and the objects that it connects."""

    type: str
    source: str
    target: str


@dataclass(frozen=True, slots=True, repr=False)
class XdmMetadata(RedactedRepr):
    """The content of one METADATA.XML. `has_folder`: whether it makes or fills a folder."""

    submission_set: SubmissionSet
    entries: tuple[DocumentEntry, ...]
    associations: tuple[Association, ...]
    has_folder: bool

    def members(self) -> frozenset[str]:
        """Returns the ids of the objects that the SubmissionSet lists."""
        return frozenset(
            association.target
            for association in self.associations
            if association.type == "HasMember" and association.source == self.submission_set.id
        )


def read_metadata(content: bytes) -> XdmMetadata:
    """Returns the metadata of a METADATA.XML. Raises InvalidMetadataError."""
    objects = read_objects(content)
    packages = [element for element in objects if element.name == "RegistryPackage"]
    loose = {
        (element.get("classifiedObject"), element.get("classificationNode"))
        for element in objects
        if element.name == "Classification"
    }
    submission_sets = [package for package in packages if _is_of_kind(package, _SUBMISSION_SET, loose)]
    if len(submission_sets) != 1:
        raise InvalidMetadataError("METADATA.XML must have one SubmissionSet: a RegistryPackage classified as such.")
    extrinsic = [element for element in objects if element.name == "ExtrinsicObject"]
    if not extrinsic:
        raise InvalidMetadataError("METADATA.XML has no DocumentEntry: an ExtrinsicObject for each document.")
    if len(extrinsic) > MAX_DOCUMENTS:
        raise InvalidMetadataError(f"METADATA.XML has more than {MAX_DOCUMENTS} documents. Send fewer at once.")
    if len({element.get("id") for element in extrinsic} - {None}) < len(extrinsic):
        raise InvalidMetadataError("METADATA.XML must give each DocumentEntry an id of its own.")
    return XdmMetadata(
        _submission_set(submission_sets[0]),
        tuple(_entry(number, element) for number, element in enumerate(extrinsic, 1)),
        tuple(_association(element) for element in objects if element.name == "Association"),
        any(_is_of_kind(package, _FOLDER, loose) for package in packages),
    )


def _is_of_kind(package: Element, node: str, loose: set[tuple[str | None, str | None]]) -> bool:
    """Returns whether a package is classified as the node, inside it or by a classification beside it."""
    inside = {classification.get("classificationNode") for classification in package.all("Classification")}
    return node in inside or (package.get("id"), node) in loose


def _submission_set(package: Element) -> SubmissionSet:
    ids = _identifiers(package)
    slots = slots_of(package)
    return SubmissionSet(
        package.get("id") or "",
        ids.get(_SET_UNIQUE_ID),
        ids.get(_SET_SOURCE),
        ids.get(SET_PATIENT_ID),
        next(iter(slots.get("submissionTime", ())), None),
    )


def _entry(number: int, element: Element) -> DocumentEntry:
    ids, codes = _identifiers(element), _codes(element)
    return DocumentEntry(
        number=number,
        id=element.get("id") or "",
        object_type=element.get("objectType"),
        status=element.get("status"),
        mime_type=element.get("mimeType"),
        title=text_of(element, "Name"),
        comments=text_of(element, "Description"),
        unique_id=ids.get(_UNIQUE_ID),
        patient_id=ids.get(PATIENT_ID),
        slots=slots_of(element),
        authors=tuple(_author(part) for part in _classifications(element, _AUTHOR)),
        class_code=_single(codes, _CLASS),
        confidentiality=tuple(codes.get(_CONFIDENTIALITY, ())),
        events=tuple(codes.get(_EVENT, ())),
        format=_single(codes, _FORMAT),
        facility_type=_single(codes, _FACILITY),
        practice_setting=_single(codes, _PRACTICE),
        type=_single(codes, TYPE_CODE),
    )


def _association(element: Element) -> Association:
    kind = (element.get("associationType") or "").rpartition(":")[2]
    return Association(kind, element.get("sourceObject") or "", element.get("targetObject") or "")


def _identifiers(element: Element) -> dict[str | None, str | None]:
    return {each.get("identificationScheme"): each.get("value") for each in element.all("ExternalIdentifier")}


def _classifications(element: Element, scheme: str) -> Iterable[Element]:
    return (part for part in element.all("Classification") if part.get("classificationScheme") == scheme)


def _codes(element: Element) -> dict[str, list[XdsCode]]:
    codes: dict[str, list[XdsCode]] = {}
    for part in element.all("Classification"):
        scheme, code = part.get("classificationScheme"), part.get("nodeRepresentation")
        if scheme is not None and code is not None:
            system = next(iter(slots_of(part).get("codingScheme", ())), None)
            codes.setdefault(scheme, []).append(XdsCode(code, system, text_of(part, "Name")))
    return codes


def _single(codes: dict[str, list[XdsCode]], scheme: str) -> XdsCode | None:
    return next(iter(codes.get(scheme, ())), None)


def _author(part: Element) -> XdsAuthor:
    slots = slots_of(part)
    person, institution, specialty = (
        next(iter(slots.get(name, ())), None) for name in ("authorPerson", "authorInstitution", "authorSpecialty")
    )
    return XdsAuthor(person, institution, specialty)
