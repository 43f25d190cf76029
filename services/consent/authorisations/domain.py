"""An authorisation as a resource of its own (FHIR `Consent`): its id, its version, and who sees which. Pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import NamedTuple
from uuid import UUID

from services.consent.choices.domain.choices import Choices, has_ended
from services.consent.choices.domain.states import ConsentState
from shared.contracts.consent import Authorisation
from shared.moments import LATEST

LONGEST_CONSENT_ID = 64
_ID = re.compile(r"([0-9a-f]{32})\.([A-Za-z0-9.-]{1,31}?)(\.next)?")


class ConsentReference(NamedTuple):
    """What the id of a Consent names. `is_next`: the authorisation that begins later, beside a current one."""

    record_id: UUID
    holder_id: str
    is_next: bool


class GrantedAuthorisation(NamedTuple):
    """An authorisation that the patient side gave. `is_next`: it begins later, beside a current one of that holder."""

    authorisation: Authorisation
    is_next: bool


@dataclass(frozen=True, slots=True)
class VersionedAuthorisation:
    """An authorisation with its version and the time of its last change.

    The patient side gets the version of all choices. Everybody else gets a version of this authorisation alone: so
    they do not learn from it that, or when, something else was chosen. `is_next`: it begins later, beside a current
    one of that holder.
    """

    authorisation: Authorisation
    version: str
    changed_at: datetime
    is_next: bool = False


def consent_id(record_id: UUID, holder_id: str, *, is_next: bool = False) -> str | None:
    """Returns `<record>.<holder>`, followed by `.next` for an authorisation that begins later beside a current one.

    A FHIR R4 id has 64 characters at most; returns None for a holder whose national id does not fit into one.
    """
    text = f"{record_id.hex}.{holder_id}{'.next' if is_next else ''}"
    return text if len(text) <= LONGEST_CONSENT_ID and _ID.fullmatch(text) else None


def parse_consent_id(consent_id: str) -> ConsentReference | None:
    """Returns what the id names; None for a text that is no id of a Consent."""
    match = _ID.fullmatch(consent_id)
    return None if match is None else ConsentReference(UUID(hex=match[1]), match[2], match[3] is not None)


def consents_for_patient_side(state: ConsentState, now: datetime) -> tuple[VersionedAuthorisation, ...]:
    """Returns every authorisation that the patient side gave, with the version of all choices."""
    version = str(state.version)
    return tuple(
        VersionedAuthorisation(granted.authorisation, version, state.changed_at, granted.is_next)
        for granted in granted_authorisations(state.choices, None, now)
    )


def consents_for_holders(choices: Choices, holders: Iterable[str], now: datetime) -> tuple[VersionedAuthorisation, ...]:
    """Returns the authorisations of these holders, each with a version of its own."""
    return tuple(
        _with_own_version(granted, now) for granted in granted_authorisations(choices, frozenset(holders), now)
    )


def _with_own_version(granted: GrantedAuthorisation, now: datetime) -> VersionedAuthorisation:
    authorisation, is_next = granted
    ended_at = authorisation.until if authorisation.until is not None and has_ended(authorisation, now) else None
    version = sha256(f"{authorisation.model_dump_json()} {ended_at}".encode()).hexdigest()[:16]
    return VersionedAuthorisation(authorisation, version, ended_at or authorisation.since, is_next)


def granted_authorisations(
    choices: Choices, holders: frozenset[str] | None, now: datetime
) -> tuple[GrantedAuthorisation, ...]:
    """Returns what the patient side gave to these holders, or to anybody if `holders` is None.

    Of a holder's authorisations that have begun only the one that ends last is returned. Attestations of a care team
    are left out: a structure made them.
    """
    by_holder: dict[str, list[Authorisation]] = {}
    for authorisation in choices.authorisations:
        if authorisation.how != "care-team" and (holders is None or authorisation.holder_id in holders):
            by_holder.setdefault(authorisation.holder_id, []).append(authorisation)
    return tuple(granted for of_holder in by_holder.values() for granted in _current_and_next(of_holder, now))


def _current_and_next(of_holder: list[Authorisation], now: datetime) -> list[GrantedAuthorisation]:
    begun = [authorisation for authorisation in of_holder if authorisation.since <= now]
    to_come = [authorisation for authorisation in of_holder if authorisation.since > now]
    current = sorted(begun, key=lambda authorisation: authorisation.until or LATEST)[-1:]
    following = sorted(to_come, key=lambda authorisation: authorisation.since)[:1]
    return [
        *(GrantedAuthorisation(authorisation, is_next=False) for authorisation in current),
        *(GrantedAuthorisation(authorisation, is_next=bool(current)) for authorisation in following),
    ]
