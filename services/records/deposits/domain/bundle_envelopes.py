"""The envelope of an ITI-65 Bundle: whom it states, and its correction. The Binaries are never changed.

Source: PDSm 3.1.1, subject and sourcePatientInfo of DocumentReference and SubmissionSet, FR Core 2.1 for the traits.
"""

from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import unquote

import orjson
import pybase64

from services.records.quarantine.domain.corrections import Corrections, NotCorrectableError
from services.records.quarantine.domain.requests import StatedPersons
from shared.cda.errors import InvalidCdaError
from shared.cda.xml import check_xml
from shared.fhir.node import Node, Report
from shared.fhir.source_traits import BIRTH_PLACE, INSEE_CODE, QUALIFIER, traits_of
from shared.fhir.submission import InvalidSubmissionError
from shared.fhir.write import subject, type_concept
from shared.terminology import oids
from shared.terminology.documents import document_type
from shared.values import Ins, InvalidInsError, InvalidTraitsError, SentTraits

Json = dict[str, Any]
_CONDITIONAL: Final = "Patient?"
_URN: Final = "urn:oid:"


class BundleEnvelope:
    """The parts of a Bundle around its contents. Elements of another form than FHIR's are passed over."""

    def __init__(self, body: bytes) -> None:
        """Reads a Bundle. Raises NotCorrectableError where it is none."""
        try:
            bundle = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise NotCorrectableError from error
        if not isinstance(bundle, dict):
            raise NotCorrectableError
        self.bundle: Json = bundle
        entries = _objects(self.bundle, "entry")
        self.resources = [entry["resource"] for entry in entries if isinstance(entry.get("resource"), dict)]
        self.documents = [each for each in self.resources if each.get("resourceType") == "DocumentReference"]
        self.owners = [each for each in self.resources if each.get("resourceType") in ("List", "DocumentReference")]

    def patients(self) -> list[Json]:
        """Returns the Patients of the submission: its own entries, and those that subject or source point to."""
        contained = [
            resource
            for owner in self.owners
            for resource in _objects(owner, "contained")
            if resource.get("resourceType") == "Patient" and f"#{resource.get('id')}" in _references(owner)
        ]
        return [*(each for each in self.resources if each.get("resourceType") == "Patient"), *contained]

    def ins(self) -> Iterator[Ins]:
        """Yields each well-formed INS of the envelope."""
        for owner in self.owners:
            yield from _ins_among(_subject_identifiers(owner))
        for patient in self.patients():
            yield from _ins_among(_identifiers(patient))

    def contents(self) -> Iterator[bytes]:
        """Yields the contents that are base64."""
        for resource in self.resources:
            data = resource.get("data")
            if resource.get("resourceType") == "Binary" and isinstance(data, str):
                try:
                    yield pybase64.b64decode("".join(data.split()), validate=True)
                except ValueError:
                    continue

    def correct(self, corrections: Corrections) -> None:
        """Sets the corrected fields. Raises NotCorrectableError."""
        if corrections.ins is not None:
            self._set_ins(corrections.ins)
        if corrections.has_traits:
            patients = self.patients()
            if not patients:
                raise NotCorrectableError
            for patient in patients:
                _set_traits(patient, corrections)
        if corrections.type is not None:
            for document in self._documents_to_type():
                document["type"] = type_concept(corrections.type)
        if corrections.hash is not None:
            self._attachment()["hash"] = pybase64.b64encode_as_string(corrections.hash)
        if corrections.size is not None:
            self._attachment()["size"] = corrections.size

    def _set_ins(self, ins: Ins) -> None:
        for owner in self.owners:
            stated = owner.get("subject")
            kept = {"reference": stated["reference"]} if isinstance(stated, dict) and _is_local(stated) else {}
            owner["subject"] = kept | subject(ins)
        for patient in self.patients():
            others = [each for each in _objects(patient, "identifier") if not _is_of_ins(each)]
            patient["identifier"] = [{"use": "official", "system": ins.system, "value": ins.matricule}, *others]

    def _documents_to_type(self) -> list[Json]:
        """Returns the documents of unknown type, or the only document. Raises NotCorrectableError."""
        unknown = [document for document in self.documents if _known_type(document) is None]
        chosen = unknown or self.documents
        if len(chosen) != 1 and not unknown:
            raise NotCorrectableError
        return chosen

    def _attachment(self) -> Json:
        """Returns the attachment of the only document. Raises NotCorrectableError."""
        if len(self.documents) != 1:
            raise NotCorrectableError
        for content in _objects(self.documents[0], "content"):
            if isinstance(attachment := content.get("attachment"), dict):
                return attachment
        raise NotCorrectableError


def persons_of_bundle(body: bytes) -> StatedPersons:
    """Returns every INS of a Bundle and of the CDAs in it."""
    try:
        envelope = BundleEnvelope(body)
    except NotCorrectableError:
        return StatedPersons()
    documents = frozenset(ins for content in envelope.contents() for ins in ins_of_content(content))
    return StatedPersons(documents, frozenset(envelope.ins()))


def ins_of_content(content: bytes) -> tuple[Ins, ...]:
    """Returns the INS that a CDA states; none of any other content."""
    try:
        header = check_xml(content)
    except InvalidCdaError:
        return ()
    return () if header is None else tuple(header.ins)


def fields_of_bundle(body: bytes) -> dict[str, str]:
    """Returns the present values of the correctable fields; type, hash and size of the only document."""
    try:
        envelope = BundleEnvelope(body)
    except NotCorrectableError:
        return {}
    ins = next(envelope.ins(), None)
    fields = {} if ins is None else {"ins": f"{ins.system}|{ins.matricule}"}
    for patient in envelope.patients()[:1]:
        fields |= stated_traits(_traits(patient))
    if len(envelope.documents) == 1:
        fields |= _fields_of_document(envelope.documents[0])
    return fields


def _fields_of_document(document: Json) -> dict[str, str]:
    coding = next(iter(_objects(_child(document, "type"), "coding")), {})
    attachment = next((_child(content, "attachment") for content in _objects(document, "content")), {})
    values = {"type": coding.get("code"), "hash": attachment.get("hash"), "size": attachment.get("size")}
    return {name: str(value) for name, value in values.items() if value is not None}


def stated_traits(traits: SentTraits) -> dict[str, str]:
    """Returns the traits that are stated, by field."""
    values = {
        "birth_name": traits.birth_name,
        "given_name": traits.given_name,
        "birth_date": traits.birth_date,
        "sex": traits.sex,
        "birth_place": traits.birth_place,
    }
    return {name: str(value) for name, value in values.items() if value is not None}


def corrected_bundle(body: bytes, corrections: Corrections) -> bytes:
    """Returns the Bundle with a corrected envelope. Raises NotCorrectableError."""
    envelope = BundleEnvelope(body)
    envelope.correct(corrections)
    return orjson.dumps(envelope.bundle)


def _traits(patient: Json) -> SentTraits:
    try:
        return traits_of(Node(patient, "Patient", Report()))
    except (InvalidSubmissionError, InvalidTraitsError):
        return SentTraits()


def _set_traits(patient: Json, corrections: Corrections) -> None:
    if corrections.birth_name is not None or corrections.given_name is not None:
        name = _birth_name(patient)
        if corrections.birth_name is not None:
            name["family"] = corrections.birth_name
        if corrections.given_name is not None:
            name["given"] = [corrections.given_name]
            name["_given"] = [{"extension": [{"url": QUALIFIER, "valueCode": "BR"}]}]
    if corrections.birth_date is not None:
        patient["birthDate"] = corrections.birth_date
    if corrections.sex is not None:
        patient["gender"] = corrections.sex.value
    if corrections.birth_place is not None:
        coding = {"system": oids.TRE_R13_SYSTEM, "code": corrections.birth_place}
        address = {"extension": [{"url": INSEE_CODE, "valueCoding": coding}]}
        others = [each for each in _objects(patient, "extension") if each.get("url") != BIRTH_PLACE]
        patient["extension"] = [*others, {"url": BIRTH_PLACE, "valueAddress": address}]


def _birth_name(patient: Json) -> Json:
    """Returns the name that states the birth name, in the order in which the door looks for it; else a new one."""
    names = _objects(patient, "name")
    for use in ("official", "maiden", None):
        for name in names:
            if name.get("use") == use:
                return name
    new: Json = {"use": "official"}
    patient["name"] = [new, *names]
    return new


def _subject_identifiers(owner: Json) -> Iterator[tuple[str, str]]:
    stated = _child(owner, "subject")
    reference = stated.get("reference")
    if isinstance(reference, str) and reference.startswith(_CONDITIONAL):
        for parameter in reference.removeprefix(_CONDITIONAL).split("&"):
            name, _, token = unquote(parameter).partition("=")
            system, separator, value = token.partition("|")
            if name == "identifier" and separator:
                yield system, value
    yield from _identifiers({"identifier": [_child(stated, "identifier")]})


def _identifiers(resource: Json) -> Iterator[tuple[str, str]]:
    for identifier in _objects(resource, "identifier"):
        system, value = identifier.get("system"), identifier.get("value")
        if isinstance(system, str) and isinstance(value, str):
            yield system, value


def _ins_among(identifiers: Iterator[tuple[str, str]]) -> Iterator[Ins]:
    for system, value in identifiers:
        try:
            yield Ins.parse(value, system)
        except InvalidInsError:
            continue


def _is_of_ins(identifier: Json) -> bool:
    return str(identifier.get("system", "")).removeprefix(_URN) in (*oids.INS_OIDS, oids.INS_C)


def _is_local(reference: Json) -> bool:
    target = reference.get("reference")
    return isinstance(target, str) and not target.startswith(_CONDITIONAL)


def _references(owner: Json) -> set[object]:
    source = _child(_child(owner, "context"), "sourcePatientInfo")
    return {str(each.get("reference")) for each in (_child(owner, "subject"), source)}


def _known_type(document: Json) -> object:
    codings = _objects(_child(document, "type"), "coding")
    types = (document_type(str(coding.get("code")), str(coding.get("system"))) for coding in codings)
    return next((each for each in types if each is not None), None)


def _child(parent: Json, name: str) -> Json:
    value = parent.get(name)
    return value if isinstance(value, dict) else {}


def _objects(parent: Json, name: str) -> list[Json]:
    value = parent.get(name)
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
