"""The rules of consent: what a change does to a person's choices, and what a deposit is decided on. Pure."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal
from uuid import UUID

from shared.access import DepositFacts
from shared.contracts.consent import ConsentStateChanged, EmergencyChoices
from shared.contracts.topics import CONSENT_STATES, IDENTITY_RECORDS
from shared.errors import ConflictError, UncheckableError

LONGEST_LIST = 1000
"""Professionals or organisations a person can name in one list; the state travels whole."""

ChangeAction = Literal[
    "authorise-professional",
    "end-authorisation",
    "block-professional",
    "unblock-professional",
    "object-to-feeding",
    "withdraw-feeding-objection",
]


class ProfessionalBlockedError(ConflictError):
    """You have blocked this professional. Unblock first (DELETE .../blocks/{professional_id}), then authorise."""

    code = "professional-blocked"


class ListFullError(ConflictError):
    """You have already named as many as one list holds. Take one out first."""

    code = "list-full"


class RecordNotReadyError(UncheckableError):
    """This record is being opened. Try again in a few seconds."""

    code = "record-not-ready"


@dataclass(frozen=True, slots=True)
class Choices:
    """Everything a person has chosen. The lists are sorted and name nobody twice."""

    authorised: tuple[str, ...] = ()
    blocked: tuple[str, ...] = ()
    feeding_objections: tuple[str, ...] = ()
    emergency: EmergencyChoices = field(default_factory=EmergencyChoices)


@dataclass(frozen=True, slots=True)
class State:
    """The choices of one record in one version. `record_version`: that of the record's copy which it rests on."""

    record_id: UUID
    version: int
    choices: Choices
    changed_at: datetime
    record_version: int
    version_in_force: int = 0

    @property
    def is_in_force(self) -> bool:
        """Whether no read can be decided under an older version any more."""
        return self.version_in_force >= self.version

    def changed(self, choices: Choices, at: datetime) -> "State":
        """The next version."""
        return replace(self, version=self.version + 1, choices=choices, changed_at=at)

    def as_event(self) -> ConsentStateChanged:
        """What the other services are told: the whole state."""
        return ConsentStateChanged(
            record_id=self.record_id,
            version=self.version,
            authorised=self.choices.authorised,
            blocked=self.choices.blocked,
            feeding_objections=self.choices.feeding_objections,
            emergency=self.choices.emergency,
            changed_at=self.changed_at,
            seen={IDENTITY_RECORDS.name: self.record_version},
        )


@dataclass(frozen=True, slots=True)
class RecordCopy:
    """What consent knows of a record. `partition`: where it came from, by which its freshness is judged."""

    record_id: UUID
    version: int
    status: str
    partition: int


@dataclass(frozen=True, slots=True)
class KnownRecord:
    """What a deposit is decided on. `state_version` None: no state of choices is here."""

    status: str
    record_version: int
    state_version: int | None
    feeding_objections: frozenset[str] = frozenset()

    @property
    def is_complete(self) -> bool:
        """Whether a deposit can be decided: a record that was never open here has no choices to look at."""
        return self.state_version is not None or self.status != "open"

    def facts_of(self, organisation_id: str, labels: frozenset[str]) -> DepositFacts:
        """The facts of a deposit. Without a state, an objection cannot be ruled out."""
        return DepositFacts(
            record_status=self.status,
            organisation_id=organisation_id,
            organisation_objected=self.state_version is None or organisation_id in self.feeding_objections,
            labels=labels,
        )

    @property
    def seen(self) -> dict[str, int]:
        """The versions that a decision rests on."""
        states = {} if self.state_version is None else {CONSENT_STATES.name: self.state_version}
        return {IDENTITY_RECORDS.name: self.record_version, **states}


def apply_change(choices: Choices, action: ChangeAction, subject_id: str) -> Choices:
    """The choices after a change; the same when it changes nothing. Raises ProfessionalBlockedError, ListFullError."""
    match action:
        case "authorise-professional":
            if subject_id in choices.blocked:
                raise ProfessionalBlockedError
            return replace(choices, authorised=_with(choices.authorised, subject_id))
        case "end-authorisation":
            return replace(choices, authorised=_without(choices.authorised, subject_id))
        case "block-professional":
            authorised = _without(choices.authorised, subject_id)
            return replace(choices, authorised=authorised, blocked=_with(choices.blocked, subject_id))
        case "unblock-professional":
            return replace(choices, blocked=_without(choices.blocked, subject_id))
        case "object-to-feeding":
            return replace(choices, feeding_objections=_with(choices.feeding_objections, subject_id))
        case "withdraw-feeding-objection":
            return replace(choices, feeding_objections=_without(choices.feeding_objections, subject_id))


def _with(listed: tuple[str, ...], one: str) -> tuple[str, ...]:
    if one not in listed and len(listed) >= LONGEST_LIST:
        raise ListFullError
    return tuple(sorted({*listed, one}))


def _without(listed: tuple[str, ...], one: str) -> tuple[str, ...]:
    return tuple(other for other in listed if other != one)
