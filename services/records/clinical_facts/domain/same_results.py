"""Recognises one result that several documents hold: a report and its copy, a report and a synthesis that quotes it."""

from collections.abc import Hashable, Iterable
from typing import NamedTuple, Protocol, TypeVar

from services.records.clinical_facts.domain.model import ClinicalFact
from services.records.clinical_facts.domain.values import CodedValue, FactValue, Quantity


class ResultOfDocument(Protocol):
    """A result, and the organisation of its document (national id), which is its laboratory where it names none."""

    @property
    def fact(self) -> ClinicalFact:
        """The result."""

    @property
    def organisation_id(self) -> str | None:
        """The organisation of its document."""


class SourcedResult(NamedTuple):
    """A result by itself, with the organisation of its document."""

    fact: ClinicalFact
    organisation_id: str | None


_Result = TypeVar("_Result", bound=ResultOfDocument)


def group_same_results(results: Iterable[_Result]) -> list[list[_Result]]:
    """Returns the results in groups: within a group they are one and the same, in the order in which they came.

    The same are: code, moment of collection, value and unit as written, and the specimen's number or the laboratory.
    Methods, materials and units are never made equal. Without the same specimen, the moment is precise to the minute.
    """
    groups: list[list[_Result]] = []
    by_identity: dict[Hashable, list[_Result]] = {}
    for result in results:
        identities = list(_identities(result))
        group = next((by_identity[identity] for identity in identities if identity in by_identity), None)
        if group is None:
            group = []
            groups.append(group)
        group.append(result)
        for identity in identities:
            by_identity.setdefault(identity, group)
    return groups


def _identities(result: ResultOfDocument) -> Iterable[Hashable]:
    """Yields what must be equal, by specimen and by laboratory; nothing for a result that cannot be recognised."""
    fact = result.fact
    coding = fact.code.coding if fact.code is not None else None
    moment, value = _collected(fact), _written(fact.value)
    if coding is None or moment is None or value is None:
        return
    same = (coding.system, coding.code, moment, value, fact.negated)
    if fact.specimen is not None and fact.specimen.id is not None:
        yield (*same, "specimen", fact.specimen.id)
    if "T" in moment:
        for laboratory in _laboratories(result):
            yield (*same, "laboratory", laboratory)


def _collected(fact: ClinicalFact) -> str | None:
    times = (fact.specimen.collected if fact.specimen is not None else None, fact.time)
    return next((moment for time in times if time is not None and (moment := time.at or time.end or time.start)), None)


def _laboratories(result: ResultOfDocument) -> set[str]:
    stated = {party.organisation_id for party in result.fact.parties if party.organisation_id is not None}
    own = {result.organisation_id} if result.organisation_id is not None else set()
    return {identifier.rpartition("^")[2] for identifier in stated} or own


def _written(value: FactValue | None) -> Hashable | None:
    match value:
        case Quantity():
            return (value.value, value.unit, value.comparator)
        case CodedValue():
            return tuple([(concept.label, concept.coding and concept.coding.code) for concept in value.concepts])
        case _:
            return None if value is None else value
