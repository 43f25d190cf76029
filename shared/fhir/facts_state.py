"""What became of reading the facts of a document, as Codings for a FHIR resource."""

from typing import Final

from shared.fhir.outcomes import ERROR_CODES

FACTS_STATE: Final = "https://dmp.example/fhir/CodeSystem/facts-state"
"""A code system of this project: pending, none, read, in-part, unreadable."""


def facts_codings(state: str, reason: str | None, text: str) -> list[dict[str, str]]:
    """Returns the state with the sentence that explains it, and the code of its reason."""
    codings = [{"system": FACTS_STATE, "code": state, "display": text}]
    return codings if reason is None else [*codings, {"system": ERROR_CODES, "code": reason}]
