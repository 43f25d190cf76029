"""Procedures and devices as Procedure and DeviceUseStatement."""

from typing import Final

from services.records.clinical_facts.domain.model import ClinicalFact
from services.records.clinical_facts.domain.resources.elements import (
    Json,
    concept,
    optional,
    parties,
    present,
    timing,
    value_words,
)
from services.records.clinical_facts.domain.resources.frame import DENIED, ResourceFrame, common, fact_notes

_SERIAL_NUMBER: Final = "L0059"
"""TA_PRC: the serial number of an implant."""


def procedure(fact: ClinicalFact, frame: ResourceFrame) -> Json:
    """Returns a Procedure: done, in preparation where it is planned, or not done."""
    return {
        **common("Procedure", fact, frame),
        **present(
            {
                "status": _status(fact),
                "code": optional(fact.code),
                **timing(fact.time, "performed"),
                "performer": [{"actor": actor} for actor in parties(fact.parties, "performer", "author")],
                "reasonCode": [concept(fact.reason)] if fact.reason is not None else None,
                "bodySite": [concept(site) for site in fact.site],
                "note": fact_notes(fact, DENIED if fact.negated else None),
            }
        ),
    }


def device_use_statement(fact: ClinicalFact, frame: ResourceFrame) -> Json:
    """Returns a DeviceUseStatement with the device in it."""
    identifiers = [value_words(detail.value) for detail in fact.details if detail.code.text == "Identifiant"]
    serials = [
        value_words(detail.value)
        for detail in fact.details
        if any(c.code == _SERIAL_NUMBER for c in detail.code.codings)
    ]
    device = present(
        {
            "resourceType": "Device",
            "id": "device",
            "identifier": [{"value": value} for value in identifiers if value],
            "serialNumber": next((value for value in serials if value), None),
            "type": optional(fact.code),
        }
    )
    others = [
        f"{detail.code.label} : {value_words(detail.value)}"
        for detail in fact.details
        if detail.code.label and value_words(detail.value)
    ]
    return {
        **common("DeviceUseStatement", fact, frame),
        **present(
            {
                "contained": [device],
                "status": _device_status(fact, frame),
                **timing(fact.time, "timing"),
                "source": next(iter(parties(fact.parties, "author", "performer")), None),
                "device": {"reference": "#device"},
                "reasonCode": [concept(fact.reason)] if fact.reason is not None else None,
                "note": fact_notes(fact, DENIED if fact.negated else None, *others),
            }
        ),
    }


def _status(fact: ClinicalFact) -> str:
    if fact.statement == "unknown":
        return "unknown"
    if fact.negated or fact.statement == "none":
        return "not-done"
    return "preparation" if fact.is_planned else "completed"


def _device_status(fact: ClinicalFact, frame: ResourceFrame) -> str:
    if fact.negated:
        return "stopped"
    if fact.is_planned:
        return "intended"
    return "completed" if frame.has_ended(fact) else "active"
