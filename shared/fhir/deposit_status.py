"""What became of a deposited document, as Codings for a FHIR resource."""

from typing import Final

from shared.fhir.outcomes import ERROR_CODES

DEPOSIT_STATUS: Final = "https://dmp.example/fhir/CodeSystem/deposit-status"
"""A code system of this project: received, published, refused, lost."""


def deposit_codings(status: str, refusal: str | None) -> list[dict[str, str]]:
    """Returns what became of a deposited document as Codings: its status, and the reason of a refusal."""
    codings = [{"system": DEPOSIT_STATUS, "code": status}]
    return codings if refusal is None else [*codings, {"system": ERROR_CODES, "code": refusal}]
