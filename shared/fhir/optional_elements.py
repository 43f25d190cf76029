"""Reads the elements of a DocumentReference that are kept as sent and that no rule looks at, and its relations.

Source: FHIR R4 DocumentReference; PDSm 3.1.1 (pdsm-comprehensive-document-reference).
"""

from collections.abc import Mapping
from typing import Final

from shared.fhir import parties
from shared.fhir.narrative import MAX_LENGTH, NarrativeError, check_narrative
from shared.fhir.node import Node, canonical_identifier
from shared.fhir.outcomes import IssueType
from shared.fhir.references import resolve
from shared.fhir.submission import Coding, Concept, Identifier, Narrative, OptionalElements, Reference, Relation

MAX_DESCRIPTION: Final = 4096
MAX_ITEMS: Final = 50
"""Items of each list: more would make every answer of a search large."""

_RELATIONS: Final = frozenset({"replaces", "transforms", "signs", "appends"})
_NOT_KEPT: Final = ("identifier", "implicitRules", "language", "extension")
_NOT_KEPT_OF_CONTEXT: Final = ("extension",)
_STATUSES: Final = frozenset({"generated", "extensions", "additional", "empty"})


def read_optional(node: Node, resources: parties.Resources) -> OptionalElements:
    """Returns the optional elements; reports those that are not what FHIR wants."""
    context = node.child("context")
    return OptionalElements(
        description=node.text("description", limit=MAX_DESCRIPTION, has_lines=True),
        authenticator=parties.authenticator(node, resources),
        custodian_name=parties.custodian_name(node, resources),
        events=tuple(_concept(item) for item in _items(context, "event")),
        related=tuple(_reference(item, resources) for item in _items(context, "related")),
        source_patient=_source_patient(context, resources) if context is not None else (),
        narrative=_narrative(node),
        encounters=tuple(_reference(item, resources) for item in _items(context, "encounter")),
    )


def read_relations(node: Node, entries: Mapping[str, Node]) -> tuple[Relation, ...]:
    """Returns relatesTo; reports unknown codes and targets without an identifier or a reference.

    A document of the same submission is named by its masterIdentifier.
    """
    relations = (_relation(related, entries) for related in node.children("relatesTo"))
    return tuple(relation for relation in relations if relation is not None)


def not_kept(node: Node) -> tuple[str, ...]:
    """Returns the elements of FHIR that the DocumentReference holds and that are neither read nor kept."""
    names: list[str] = [name for name in _NOT_KEPT if name in node.value]
    context = node.value.get("context")
    if isinstance(context, dict):
        names += [f"context.{name}" for name in _NOT_KEPT_OF_CONTEXT if name in context]
    return tuple(names)


def coding_of(node: Node | None) -> Coding | None:
    """Returns a Coding, None, with a report, without a code."""
    code = node.text("code", required=True) if node is not None else None
    if node is None or code is None:
        return None
    return Coding(node.text("system"), code, node.text("display"))


def _items(context: Node | None, name: str) -> list[Node]:
    items = context.children(name) if context is not None else []
    if context is not None and len(items) > MAX_ITEMS:
        context.wrong(name, f"has more than {MAX_ITEMS} items", "element-repeated", IssueType.TOO_COSTLY)
    return items[:MAX_ITEMS]


def _concept(node: Node) -> Concept:
    if not node.value.keys() & {"coding", "text"}:
        node.wrong("coding", "or text must be there", "element-missing", IssueType.REQUIRED)
    codings = (coding_of(item) for item in node.children("coding"))
    return Concept(tuple(coding for coding in codings if coding is not None), node.text("text"))


def _reference(node: Node, resources: parties.Resources) -> Reference:
    """Returns a Reference with the same meaning outside the submission, whose resources it names by identifier."""
    if not node.value.keys() & {"reference", "identifier", "display"}:
        node.wrong("reference", "or identifier or display must be there", "element-missing", IssueType.REQUIRED)
    url, own, resource = node.text("reference"), node.child("identifier"), resources.find(node)
    identifier = _identifier(own) if own is not None else None
    if resource is not None:
        url, identifier = None, identifier or _first_identifier(resource)
    return Reference(url, node.text("type"), identifier, node.text("display"))


def _first_identifier(resource: Node) -> Identifier | None:
    master = resource.child("masterIdentifier")
    nodes = [master] if master is not None else resource.children("identifier")
    return next((identifier for node in nodes if (identifier := _identifier(node)) is not None), None)


def _identifier(node: Node) -> Identifier | None:
    value = node.text("value")
    return Identifier(node.text("system"), value) if value is not None else None


def _source_patient(context: Node, resources: parties.Resources) -> tuple[Identifier, ...]:
    """Returns the identifiers of sourcePatientInfo: those of the Patient that it refers to, or its own."""
    reference = context.child("sourcePatientInfo")
    if reference is None:
        return ()
    patient = resources.find(reference)
    own = reference.child("identifier")
    nodes = patient.children("identifier") if patient is not None else [own] if own is not None else []
    return tuple(identifier for node in nodes[:MAX_ITEMS] if (identifier := _identifier(node)) is not None)


def _narrative(node: Node) -> Narrative | None:
    text = node.child("text")
    if text is None:
        return None
    status, div = text.text("status", required=True), text.text("div", required=True, limit=MAX_LENGTH, has_lines=True)
    if status is not None and status not in _STATUSES:
        text.wrong("status", f"must be one of {', '.join(sorted(_STATUSES))}", kind=IssueType.CODE_INVALID)
    if status is None or div is None:
        return None
    try:
        check_narrative(div)
    except NarrativeError as error:
        text.wrong("div", error.rule, error.code)
    return Narrative(status, div)


def _relation(node: Node, entries: Mapping[str, Node]) -> Relation | None:
    code = node.text("code", required=True)
    if code is not None and code not in _RELATIONS:
        node.wrong("code", "must be replaces, transforms, signs or appends")
    target = node.child("target", required=True)
    if code is None or target is None:
        return None
    identifier = target.child("identifier")
    if identifier is None:
        reference = target.text("reference", required=True)
        document = entries.get(resolve(reference, node.full_url)) if reference is not None else None
        identifier = document.child("masterIdentifier") if document is not None else None
        if identifier is None:
            return Relation(code, reference) if reference is not None else None
    value = identifier.text("value", required=True)
    if value is None:
        return None
    canonical = canonical_identifier(identifier.text("system"), value)
    if canonical is None:
        identifier.wrong("value", "must be urn:oid:<OID> or urn:uuid:<UUID>")
    return Relation(code, canonical) if canonical is not None else None
