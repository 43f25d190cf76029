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
from shared.moments import LATEST

LONGEST_ID = 64
_ID = re.compile(r"([0-9a-f]{32})\.([A-Za-z0-9.-]{1,31}?)(\.next)?")


def consent_id(record_id: UUID, holder_id: str, *, is_next: bool = False) -> str | None:
    """`<record>.<holder>`, with `.next` that of the authorisation to come beside one that has begun (FHIR R4 id: 64
    characters); None for a holder whose national id has other characters."""
    found = f"{record_id.hex}.{holder_id}{'.next' if is_next else ''}"
    return found if len(found) <= LONGEST_ID and _ID.fullmatch(found) else None


def named_by(consent_id: str) -> tuple[UUID, str, bool] | None:
    """The record, the holder, and whether it is the authorisation to come."""
    match = _ID.fullmatch(consent_id)
    return None if match is None else (UUID(hex=match[1]), match[2], match[3] is not None)


@dataclass(frozen=True, slots=True)
class Shown:
    """An authorisation with its version: that of all choices to the person's side, to everybody else its own, lest they
    learn from it that, or when, something else was chosen. `is_next`: it is to come, beside one that has begun."""

    given: Authorisation
    version: str
    changed_at: datetime
    is_next: bool = False


def shown_to_person(state: State, now: datetime) -> tuple[Shown, ...]:
    """All that the person's side gave."""
    version = str(state.version)
    return tuple(Shown(one, version, state.changed_at, is_next) for one, is_next in given(state.choices, None, now))


def shown_to_holders(choices: Choices, holders: Iterable[str], now: datetime) -> tuple[Shown, ...]:
    """What these were given."""
    return tuple(_alone(one, is_next, now) for one, is_next in given(choices, frozenset(holders), now))


def _alone(one: Authorisation, is_next: bool, now: datetime) -> Shown:
    ended = one.until if one.until is not None and is_over(one, now) else None
    version = sha256(f"{one.model_dump_json()} {ended}".encode()).hexdigest()[:16]
    return Shown(one, version, ended or one.since, is_next)


def given(choices: Choices, holders: frozenset[str] | None, now: datetime) -> tuple[tuple[Authorisation, bool], ...]:
    """What the person's side gave, to these holders or to anybody, and whether it is to come beside one that has begun.

    Of what has begun the one that ends last is shown. Attestations are a structure's own word, and not among them.
    """
    found: dict[str, list[Authorisation]] = {}
    for one in choices.authorisations:
        if one.how != "care-team" and (holders is None or one.holder_id in holders):
            found.setdefault(one.holder_id, []).append(one)
    return tuple(pair for held in found.values() for pair in _ordered(held, now))


def _ordered(held: list[Authorisation], now: datetime) -> list[tuple[Authorisation, bool]]:
    begun = sorted((one for one in held if one.since <= now), key=lambda one: one.until or LATEST)[-1:]
    to_come = sorted((one for one in held if one.since > now), key=lambda one: one.since)[:1]
    return [*((one, False) for one in begun), *((one, bool(begun)) for one in to_come)]
