"""The person of the sheet, who wrote it, and who keeps it, as resources."""

from collections.abc import Iterator
from typing import Final
from uuid import UUID

from services.records.clinical_facts.domain.resources.elements import Json, present
from services.records.kit.cda_header import INSURANCE
from services.records.summary.domain.fhir.lines import absent
from services.records.summary.domain.sheet import CallRole, PersonToCall, SheetDoctor, SummarySheet
from shared.runtime import clock
from shared.terminology.oids import PROFESSIONAL, STRUCTURE
from shared.values import Sex, StrictTraits

_CONTACT: Final = "http://terminology.hl7.org/CodeSystem/v2-0131"
_RELATIONSHIPS: Final[dict[CallRole, str]] = {"emergency": "C", "trusted": "N", "help": "U"}


def patient(sheet: SummarySheet) -> Json:
    """Returns the person; without traits in the request, a person who is not named."""
    contacts = [_contact(person) for person in sheet.people_to_call]
    if sheet.patient is None:
        unnamed = {"name": [absent("masked")], "_birthDate": absent("masked")}
        return present({"resourceType": "Patient", "id": str(sheet.record_id), **unnamed, "contact": contacts})
    ins, traits = sheet.patient.ins, sheet.patient.traits
    return present(
        {
            "resourceType": "Patient",
            "id": str(sheet.record_id),
            "identifier": [{"system": ins.system, "value": ins.matricule}],
            "name": [_name(traits)],
            "gender": (traits.sex or Sex.UNKNOWN).value,
            "birthDate": traits.birth_date,
            "_birthDate": None if traits.birth_date else absent("unknown"),
            "contact": contacts,
        }
    )


def author_id(sheet: SummarySheet) -> UUID:
    """Returns the id of the author: the doctor who signs, else the system."""
    return clock.hashed_id(sheet.signer.id.encode() if sheet.signer is not None else b"dmp")


def custodian_id(sheet: SummarySheet) -> UUID:
    """Returns the id of the organisation that keeps the document."""
    return clock.hashed_id(_custodian(sheet.signer)[0].encode())


def parties(sheet: SummarySheet) -> Iterator[Json]:
    """Yields the author and the custodian."""
    yield _doctor(sheet.signer, author_id(sheet)) if sheet.signer is not None else _system(author_id(sheet))
    id, name = _custodian(sheet.signer)
    yield {
        "resourceType": "Organization",
        "id": str(custodian_id(sheet)),
        "identifier": [{"system": f"urn:oid:{STRUCTURE}", "value": id}],
        "name": name,
    }


def _doctor(doctor: SheetDoctor, id: UUID) -> Json:
    return {
        "resourceType": "Practitioner",
        "id": str(id),
        "identifier": [{"system": f"urn:oid:{PROFESSIONAL}", "value": doctor.id}],
        "name": [{"family": doctor.family_name, "given": [doctor.given_name]}],
        "qualification": [{"code": {"text": doctor.specialty_label}}],
    }


def _system(id: UUID) -> Json:
    return {"resourceType": "Device", "id": str(id), "deviceName": [{"name": "DMP", "type": "user-friendly-name"}]}


def _custodian(signer: SheetDoctor | None) -> tuple[str, str]:
    if signer is not None and signer.organisation_id is not None:
        return signer.organisation_id, signer.organisation or signer.organisation_id
    return INSURANCE, "Assurance Maladie"


def _name(traits: StrictTraits) -> Json:
    name = present({"family": traits.birth_name, "given": [traits.given_name] if traits.given_name else None})
    return name or absent("unknown")


def _contact(person: PersonToCall) -> Json:
    relationship = {
        "coding": [{"system": _CONTACT, "code": _RELATIONSHIPS[person.role]}],
        "text": person.relation,
    }
    return {
        "relationship": [relationship],
        "name": {"text": person.name},
        "telecom": [{"system": "phone", "value": person.phone}],
    }
