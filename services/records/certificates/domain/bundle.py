"""The FHIR Bundle (R4 4.0.1) of a health card, with as few elements as the specification asks for.

Source: SMART Health Cards Framework 1.4, "Health Cards are Compact", and the vaccination profile of VCI: no ids, no
meta, no narrative, no displays, and references of the form `resource:0`.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from services.records.certificates.domain.doses import Holder, PerformedDose, VaccineCode
from shared.terminology.vaccines import ATC, CVX, cvx_of_atc

PATIENT: Final = "resource:0"
_LONGEST_NAME: Final = 80
"""Characters of a performer's name in a card; a longer one is left out, never cut."""


def bundle(holder: Holder, doses: Sequence[PerformedDose]) -> dict[str, Any]:
    """Returns the Bundle: the person by name and birth date, and each dose. Nothing else of the record is in it."""
    resources = [_patient(holder), *(_immunization(dose) for dose in doses)]
    entries = [{"fullUrl": f"resource:{number}", "resource": resource} for number, resource in enumerate(resources)]
    return {"resourceType": "Bundle", "type": "collection", "entry": entries}


def card_codes(codes: Iterable[VaccineCode]) -> tuple[VaccineCode, ...]:
    """Returns the codes of a vaccine in a card: CVX first, where it is stated or implied, then those of the document.

    A code of the document keeps its system, such as ATC, CIS or SNOMED CT.
    """
    stated = tuple(dict.fromkeys(codes))
    implied = (cvx_of_atc(code.code) for code in stated if code.system == ATC)
    candidates = [
        *(code for code in stated if code.system == CVX),
        *(VaccineCode(CVX, cvx) for cvx in implied if cvx is not None),
    ]
    return (*candidates[:1], *(code for code in stated if code not in candidates[:1]))


def _patient(holder: Holder) -> dict[str, Any]:
    return {
        "resourceType": "Patient",
        "name": [{"family": holder.birth_name, "given": [holder.given_name]}],
        "birthDate": holder.birth_date,
    }


def _immunization(dose: PerformedDose) -> dict[str, Any]:
    resource: dict[str, Any] = {
        "resourceType": "Immunization",
        "status": "completed",
        "vaccineCode": {"coding": [{"system": code.system, "code": code.code} for code in card_codes(dose.codes)]},
        "patient": {"reference": PATIENT},
        "occurrenceDateTime": dose.day.isoformat(),
    }
    if dose.performer and len(dose.performer) <= _LONGEST_NAME:
        resource["performer"] = [{"actor": {"display": dose.performer}}]
    if dose.lot:
        resource["lotNumber"] = dose.lot
    return resource
