"""Reads the people and organisations that a resource refers to: the patient's INS, authors, the custodian.

Sources: FHIR R4 references (contained, by fullUrl, conditional, by identifier), PDSm 3.1.1 annexes on identifiers.
"""

from collections.abc import Iterable, Iterator
from typing import Final
from urllib.parse import unquote

from shared.fhir.names import display_of
from shared.fhir.node import Node
from shared.fhir.outcomes import IssueType
from shared.fhir.references import resolve
from shared.fhir.source_traits import traits_of
from shared.fhir.submission import Author, AuthorKind
from shared.terminology import oids
from shared.values import (
    Ins,
    InvalidInsError,
    InvalidNationalIdError,
    NationalProfessionalId,
    NationalStructureId,
    SentTraits,
    national_professional_id,
    national_structure_id,
)

# Systems under which national material gives these ids, with the digit that turns each into a national id.
_PROFESSIONAL_SYSTEMS: Final = {f"urn:oid:{oids.PROFESSIONAL}": "", "https://rpps.esante.gouv.fr": "8"}
_STRUCTURE_SYSTEMS: Final = {
    f"urn:oid:{oids.STRUCTURE}": "",
    "https://finess.esante.gouv.fr": "1",
    "https://sirene.fr": "2",
}
_KINDS: Final = {
    "Practitioner": AuthorKind.PROFESSIONAL,
    "PractitionerRole": AuthorKind.PROFESSIONAL,
    "Organization": AuthorKind.ORGANISATION,
    "Device": AuthorKind.DEVICE,
    "Patient": AuthorKind.PATIENT,
}


class Resources:
    """The possible targets of a resource's references: its contained resources and the entries of the Bundle."""

    __slots__ = ("contained", "entries", "full_url")

    def __init__(self, owner: Node, entries: dict[str, Node]) -> None:
        self.entries = entries
        self.full_url = owner.full_url
        nodes = owner.children("contained")
        self.contained = {f"#{node.value.get('id')}": node for node in nodes}

    def find(self, reference: Node | None) -> Node | None:
        """Returns the resource that a Reference points to, None when the submission does not contain it."""
        target = reference.value.get("reference") if reference is not None else None
        if not isinstance(target, str):
            return None
        return self.contained.get(target) or self.entries.get(resolve(target, self.full_url))


def subject_ins(owner: Node, resources: Resources) -> Ins | None:
    """Returns the INS of `subject`, or None with a report.

    The INS comes from a conditional reference, an identifier, or the Patient of the submission.
    """
    subject = owner.child("subject", required=True)
    if subject is None:
        return None
    reported = owner.report.count
    ins = _ins(subject, _subject_identifiers(subject, resources))
    if ins is None and owner.report.count == reported:
        subject.report.add(
            "ins-missing",
            "Identify the patient by INS: subject.reference as Patient?identifier=urn:oid:1.2.250.1.213.1.4.8|<INS>, "
            "subject.identifier, or a Patient with that identifier in this Bundle.",
            subject.path,
            IssueType.REQUIRED,
        )
    return ins


def source_traits(owner: Node, resources: Resources, ins: Ins | None) -> SentTraits | None:
    """Returns the strict traits of `context.sourcePatientInfo` or of the subject's Patient; None if neither is sent."""
    context = owner.child("context")
    source = resources.find(context.child("sourcePatientInfo")) if context is not None else None
    patient = source or resources.find(owner.child("subject"))
    if patient is None or patient.value.get("resourceType") != "Patient":
        return None
    stated = _ins(patient, _identifiers(patient))
    if stated is not None and ins is not None and stated != ins:
        patient.report.add(
            "patient-inconsistent",
            "The source patient has another INS than the subject: one document is about one person.",
            patient.path,
            IssueType.BUSINESS_RULE,
        )
    return traits_of(patient) or None


def authors(owner: Node, resources: Resources) -> tuple[Author, ...]:
    """Returns the authors, each with the national ids that the submission gives."""
    return tuple(_author(reference, resources) for reference in owner.children("author", required=True))


def custodian(owner: Node, resources: Resources) -> NationalStructureId | None:
    """Returns the custodian's national id, or None: the examples of the DMP draft have no custodian."""
    reference = owner.child("custodian")
    if reference is None:
        return None
    return _structure(reference) or _structure(resources.find(reference))


def authenticator(owner: Node, resources: Resources) -> Author | None:
    """Returns who attests to the document, or None."""
    reference = owner.child("authenticator")
    return _author(reference, resources) if reference is not None else None


def custodian_name(owner: Node, resources: Resources) -> str | None:
    """Returns the custodian's name as the submission shows it."""
    reference = owner.child("custodian")
    return display_of(reference, resources.find(reference))


def _subject_identifiers(subject: Node, resources: Resources) -> Iterator[tuple[str, str]]:
    reference = subject.text("reference")
    if reference is not None and reference.startswith("Patient?"):
        for parameter in reference.removeprefix("Patient?").split("&"):
            name, _, token = unquote(parameter).partition("=")
            system, separator, value = token.partition("|")
            if name == "identifier" and separator:
                yield system, value
    if identifier := subject.child("identifier"):
        yield from _identifier(identifier)
    if (patient := resources.find(subject)) is not None:
        yield from _identifiers(patient)


def _identifiers(resource: Node | None) -> Iterator[tuple[str, str]]:
    if resource is not None:
        for identifier in resource.children("identifier"):
            yield from _identifier(identifier)


def _identifier(node: Node) -> Iterator[tuple[str, str]]:
    system, value = node.text("system"), node.text("value")
    if system is not None and value is not None:
        yield system, value


def _ins(where: Node, identifiers: Iterable[tuple[str, str]]) -> Ins | None:
    """Returns the first INS among identifiers; reports a malformed INS, and an old INS-C without an INS."""
    only_old = False
    for system, value in identifiers:
        if system.removeprefix("urn:oid:") in oids.INS_OIDS:
            try:
                return Ins.parse(value, system)
            except InvalidInsError as error:
                where.report.add(error.code, str(error), where.path, IssueType.VALUE)
                return None
        only_old = only_old or system.removeprefix("urn:oid:") == oids.INS_C
    if only_old:
        where.report.add(
            "ins-system-unknown",
            "INS-C is no longer accepted: send the INS-NIR or INS-NIA.",
            where.path,
            IssueType.VALUE,
        )
    return None


def _author(reference: Node, resources: Resources) -> Author:
    resource = resources.find(reference)
    if resource is None:
        professional, organisation = _professional(reference), _structure(reference)
        kind = (
            AuthorKind.PROFESSIONAL if professional else AuthorKind.ORGANISATION if organisation else AuthorKind.OTHER
        )
        return Author(kind, professional, organisation, name=reference.text("display"))
    practitioner = resources.find(resource.child("practitioner"))
    employer = resource.child("organization") or resource.child("owner")
    name = display_of(reference, resource) or display_of(resource.child("practitioner"), practitioner)
    return Author(
        kind=_KINDS.get(str(resource.value.get("resourceType")), AuthorKind.OTHER),
        professional=_professional(resource) or _professional(practitioner),
        organisation=_structure(resource) or _structure(employer) or _structure(resources.find(employer)),
        role=_role(resource) or (_role(practitioner) if practitioner is not None else None),
        name=name,
        organisation_name=display_of(employer, resources.find(employer)),
    )


def _professional(resource: Node | None) -> NationalProfessionalId | None:
    text = _national(resource, _PROFESSIONAL_SYSTEMS)
    try:
        return national_professional_id(text) if text else None
    except InvalidNationalIdError:
        return None


def _structure(resource: Node | None) -> NationalStructureId | None:
    text = _national(resource, _STRUCTURE_SYSTEMS)
    try:
        return national_structure_id(text) if text else None
    except InvalidNationalIdError:
        return None


def _national(resource: Node | None, systems: dict[str, str]) -> str | None:
    """Returns the id under the first of these systems that the resource (or the Reference itself) has an id for."""
    if resource is None:
        return None
    single = isinstance(resource.value.get("identifier"), dict)
    node = resource.child("identifier") if single else None
    identifiers = dict(_identifier(node) if node is not None else _identifiers(resource))
    return next((prefix + identifiers[system] for system, prefix in systems.items() if system in identifiers), None)


def _role(resource: Node) -> str | None:
    """Returns the profession: a TRE_A02 or TRE_A00 code unchanged, a TRE_G15 code in TRE_A02 form."""
    concepts = [q.child("code") for q in resource.children("qualification")]
    if resource.value.get("resourceType") == "PractitionerRole":
        concepts += [*resource.children("specialty"), *resource.children("code")]
    if resource.value.get("resourceType") == "Device":
        concepts += [resource.child("type")]
    for concept in concepts:
        for coding in concept.children("coding") if concept is not None else ():
            system, code = coding.text("system"), coding.text("code")
            if system in (oids.TRE_A02_SYSTEM, f"urn:oid:{oids.TRE_A02}", oids.TRE_A00_SYSTEM) and code:
                return code
            if system == oids.TRE_G15_SYSTEM and code:
                return f"G15_{code}"
    return None
