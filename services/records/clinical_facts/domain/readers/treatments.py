"""Treatments and vaccinations."""

from collections.abc import Iterator
from typing import Final

import msgspec

from services.records.clinical_facts.domain.facts import FactBuilder
from services.records.clinical_facts.domain.model import ClinicalFact, FactKind, FactStatus, TreatmentDetail
from services.records.clinical_facts.domain.names import tag
from services.records.clinical_facts.domain.quantities import quantity
from services.records.clinical_facts.domain.readers.products import Product, posologies, product_of, treatment_time
from services.records.clinical_facts.domain.statements import SUPPLY, Statement, Subordinates
from services.records.clinical_facts.domain.templates import ADMINISTERED, DISPENSED, PRESCRIBED, RECOMMENDED
from services.records.clinical_facts.domain.values import Quantity

_QUANTITY: Final = tag("quantity")
_REPEATS: Final = tag("repeatNumber")


def read_treatment(statement: Statement, builder: FactBuilder, kind: FactKind) -> Iterator[ClinicalFact]:
    """Yields a treatment: taken, prescribed, dispensed, given or planned. `completed` never means that it ended."""
    status = _status(statement, builder, kind)
    product = product_of(statement.element, statement.reader)
    if product is None or status is None:
        return
    about = statement.subordinates()
    routes = statement.concepts("routeCode")
    yield builder.build(
        statement,
        kind,
        product.code,
        about=about,
        status=status,
        phase=statement.context.section.phase,
        time=treatment_time(statement.element, statement.reader),
        treatment=msgspec.structs.replace(
            _detail(statement, product, about),
            posology=tuple(posologies(statement.element, statement.reader)),
            route=routes[0] if routes else None,
        ),
        words=(statement.words(),),
        marks=product.marks,
    )


def read_vaccination(statement: Statement, builder: FactBuilder, kind: FactKind) -> Iterator[ClinicalFact]:
    """Yields a vaccination that was given or, negated, was not; a recommended one with the status of such."""
    product = product_of(statement.element, statement.reader)
    status = builder.status(statement, kind)
    if product is None or status is None:
        return
    if RECOMMENDED in statement.templates:
        status = "recommended"
    about = statement.subordinates()
    routes = statement.concepts("routeCode")
    sites = statement.concepts("approachSiteCode")
    fact = builder.build(
        statement,
        kind,
        product.code,
        category=statement.code(),
        about=about,
        status=status,
        treatment=msgspec.structs.replace(
            _detail(statement, product, about),
            posology=tuple(posologies(statement.element, statement.reader)),
            route=routes[0] if routes else None,
        ),
        words=(statement.words(),),
        marks=product.marks,
    )
    yield msgspec.structs.replace(fact, site=sites)


def _status(statement: Statement, builder: FactBuilder, kind: FactKind) -> FactStatus | None:
    status = builder.status(statement, kind)
    if status is None or status == "planned":
        return status
    if not DISPENSED.isdisjoint(statement.templates):
        return "dispensed"
    if ADMINISTERED in statement.templates and statement.is_event:
        return "given"
    return "prescribed" if PRESCRIBED in statement.templates else status


def _detail(statement: Statement, product: Product, about: Subordinates) -> TreatmentDetail:
    repeats = statement.first(_REPEATS)
    return msgspec.structs.replace(
        product.detail,
        instructions=tuple(about.instructions),
        dose_number=about.dose_number,
        quantity=_supplied(statement),
        refills=(repeats.get("value") or None) if repeats is not None else None,
    )


def _supplied(statement: Statement) -> Quantity | None:
    """Returns the quantity that is prescribed or dispensed: its own, or that of the supply within it."""
    own = quantity(statement.first(_QUANTITY))
    if own is not None:
        return own
    for link in statement.linked():
        supply = link.find(SUPPLY)
        if supply is not None and (supplied := quantity(supply.find(_QUANTITY))) is not None:
            return supplied
    return None
