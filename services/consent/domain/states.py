"""The state of a record in its versions, what consent knows of the record, and who asks for a change."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from services.consent.domain.choices import Choices, is_valid, without_past
from shared.contracts.base import Seen
from shared.contracts.consent import ConsentStateChanged
from shared.contracts.identity import PeopleChanged, PersonNamed
from shared.contracts.topics import CONSENT_STATES, IDENTITY_PEOPLE, IDENTITY_RECORDS
from shared.errors import ClientError, ConflictError, TooManyRequestsError, UncheckableError
from shared.messaging.freshness import are_fresh

MOST_CHANGES = 100
"""By the person's side together; and as many about each professional or structure by others, who change nothing but
what concerns themselves: so nobody uses up the person's, and no structure floods a record."""
CHANGES_WITHIN = timedelta(hours=1)


class RecordNotReadyError(UncheckableError):
    """This record is being opened. Try again in a few seconds."""

    code = "record-not-ready"
    french = "Ce dossier est en cours d’ouverture. Réessayez dans quelques secondes."


class RecordClosedError(ConflictError):
    """This record is closed: its choices can be seen, not changed. Reopen it first."""

    code = "record-closed"
    french = "Ce dossier est clos : ses choix se consultent mais ne changent plus. Rouvrez-le d’abord."


class TooManyChangesError(TooManyRequestsError):
    """A record takes 100 changes an hour. Wait before the next; what takes a right away always works: blocking, hiding,
    objecting, ending."""

    code = "too-many-changes"
    french = (
        "Un dossier accepte 100 changements par heure. Patientez ; bloquer, cacher et mettre fin restent possibles."
    )
    retry_after = 60


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
        """The next version; what ended long ago is in it no more."""
        return replace(self, version=self.version + 1, choices=without_past(choices, at), changed_at=at)

    def as_event(self) -> ConsentStateChanged:
        """What the other services are told: the whole state."""
        chosen = self.choices
        plain = {
            one.holder_id
            for one in chosen.authorisations
            if one.how != "care-team" and one.until is None and is_valid(one, self.changed_at)
        }
        return ConsentStateChanged(
            record_id=self.record_id,
            version=self.version,
            authorised=tuple(sorted(plain)),
            changed_at=self.changed_at,
            seen={IDENTITY_RECORDS.name: self.record_version},
            **{name: getattr(chosen, name) for name in Choices.model_fields},
        )


class VersionDiffersError(ClientError):
    """The choices were changed meanwhile. Look at them again (GET .../choices), then change."""

    code = "version-differs"
    status = 412
    french = "Les choix ont changé entre-temps. Consultez-les à nouveau (GET .../choices), puis recommencez."

    def __init__(self, present: State) -> None:
        super().__init__()
        self.present = present


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """What made one version: when, by whom, what."""

    version: int
    action: str
    subject_id: str | None
    actor_kind: str
    actor_id: str
    changed_at: datetime
    change: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class RecordCopy:
    """What consent knows of a record. `partition`: where it came from, by which its freshness is judged."""

    record_id: UUID
    version: int
    status: str
    partition: int
    linked_to: UUID | None = None


@dataclass(frozen=True, slots=True)
class CopyAge:
    """How old the copies about one record are: what identity announced before these moments is here.

    None where that is not known. `is_broken`: a state or an erasure of the record could not be read.
    """

    record_at: datetime | None = None
    people_at: datetime | None = None
    erasures_at: datetime | None = None
    is_broken: bool = False

    def is_fresh(self, now: datetime, limit: timedelta) -> bool:
        """Whether somebody may still act for the holder on the word of these copies."""
        return not self.is_broken and are_fresh((self.record_at, self.people_at, self.erasures_at), now, limit)

    def is_fresh_for_holders(self, now: datetime, limit: timedelta) -> bool:
        """Whether those who were given something may be shown it: who acts for the patient does not matter to them."""
        return not self.is_broken and are_fresh((self.record_at, self.erasures_at), now, limit)


UNKNOWN_AGE = CopyAge()


@dataclass(frozen=True, slots=True)
class About:
    """What a change is decided on beside the state: the record, and who may act for its holder.

    `linked_to`: the other record of the same person; `blocked_there`: who is blocked in it, and so is here too.
    """

    status: str
    linked_to: UUID | None = None
    people: PeopleChanged | None = None
    age: CopyAge = UNKNOWN_AGE
    blocked_there: frozenset[str] = frozenset()

    def relation_of(self, kind: str, id: str, own_record: UUID | None, record_id: UUID, now: datetime) -> str:
        """What somebody of that kind is to the record's holder at this moment: holder, representative, carer, none.

        `id`: the asker's; `own_record`: the record that the token speaks for.
        """
        if kind == "patient":
            return "holder" if own_record in (record_id, self.linked_to or record_id) else "none"
        if self.people is None or own_record != record_id:
            return "none"
        named = {"representative": self.people.representatives, "carer": self.people.carers}.get(kind, ())
        return kind if any(_is_now(one, id, now) for one in named) else "none"


def _is_now(one: PersonNamed, person_id: str, now: datetime) -> bool:
    return str(one.person_id) == person_id and one.since <= now and (one.until is None or now < one.until)


@dataclass(frozen=True, slots=True)
class KnownRecord:
    """What a deposit is decided on. `state_version` None: no state of choices is here. `awaits_recovery`: the state may
    be older than it was, because this database may have lost commits."""

    status: str
    record_version: int
    state_version: int | None
    feeding_objections: frozenset[str] = frozenset()
    blocked: frozenset[str] = frozenset()
    mask_new_documents: bool = False
    linked_to: UUID | None = None
    people: PeopleChanged | None = None
    awaits_recovery: bool = False

    def beside(self, other: "KnownRecord | None") -> "KnownRecord":
        """The same, knowing the other record of the person: who is blocked there is blocked here."""
        return self if other is None else replace(self, blocked=self.blocked | other.blocked)

    @property
    def seen(self) -> Seen:
        """The versions that a decision rests on."""
        states = {} if self.state_version is None else {CONSENT_STATES.name: self.state_version}
        return {IDENTITY_RECORDS.name: self.record_version, **states}

    def is_behind(self, seen: Seen) -> bool:
        """Whether the sender of a fact knew more of the record than is here."""
        people_version = 0 if self.people is None else self.people.version
        if self.record_version < seen.get(IDENTITY_RECORDS.name, 1):
            return True
        return people_version < seen.get(IDENTITY_PEOPLE.name, 0)

    @property
    def is_complete(self) -> bool:
        """Whether a deposit can be decided: a record that was never open here has no choices to look at."""
        return self.state_version is not None or self.status != "open"
