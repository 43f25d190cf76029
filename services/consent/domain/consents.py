"""How an authorisation is named where it is a resource of its own (FHIR `Consent`). Pure."""

import re
from uuid import UUID

from services.consent.domain.choices import Choices
from shared.contracts.consent import Authorisation

_ID = re.compile(r"([0-9a-f]{32})\.([A-Za-z0-9.-]{1,31})")


def consent_id(record_id: UUID, holder_id: str) -> str | None:
    """`<record>.<holder>` (FHIR R4 id: 64 characters); None for a holder whose national id has other characters."""
    found = f"{record_id.hex}.{holder_id}"
    return found if _ID.fullmatch(found) else None


def named_by(consent_id: str) -> tuple[UUID, str] | None:
    """The record and the holder again."""
    match = _ID.fullmatch(consent_id)
    return None if match is None else (UUID(hex=match[1]), match[2])


def given(choices: Choices, holders: frozenset[str] | None) -> tuple[Authorisation, ...]:
    """What the person's side gave, to these holders or to anybody; attestations are a structure's own word."""
    by_person = (one for one in choices.authorisations if one.how != "care-team")
    return tuple(one for one in by_person if holders is None or one.holder_id in holders)
