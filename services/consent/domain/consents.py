"""An authorisation where it is a resource of its own (FHIR `Consent`): its name, and who is told what of it. Pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from uuid import UUID

from services.consent.domain.choices import Choices, is_over
from services.consent.domain.states import State
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


@dataclass(frozen=True, slots=True)
class Shown:
    """An authorisation with its version: that of all choices to the person's side, to everybody else its own, lest they
    learn from it that, or when, something else was chosen."""

    given: Authorisation
    version: str
    changed_at: datetime


def shown_to_person(state: State) -> tuple[Shown, ...]:
    """All that the person's side gave."""
    return tuple(Shown(one, str(state.version), state.changed_at) for one in given(state.choices, None))


def shown_to_holders(choices: Choices, holders: Iterable[str], now: datetime) -> tuple[Shown, ...]:
    """What these were given."""
    return tuple(_alone(one, now) for one in given(choices, frozenset(holders)))


def _alone(one: Authorisation, now: datetime) -> Shown:
    ended = one.until if one.until is not None and is_over(one, now) else None
    version = sha256(f"{one.model_dump_json()} {ended}".encode()).hexdigest()[:16]
    return Shown(one, version, ended or one.since)


def given(choices: Choices, holders: frozenset[str] | None) -> tuple[Authorisation, ...]:
    """What the person's side gave, to these holders or to anybody; attestations are a structure's own word."""
    by_person = (one for one in choices.authorisations if one.how != "care-team")
    return tuple(one for one in by_person if holders is None or one.holder_id in holders)
