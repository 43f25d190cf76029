"""The versions of a record's choices, and the copies on which changes and deposits are decided."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from services.consent.choices.domain.choices import Choices, is_valid, without_long_ended
from shared.contracts.base import Seen
from shared.contracts.consent import ConsentStateChanged
from shared.contracts.identity import PeopleChanged, PersonNamed
from shared.contracts.topics import CONSENT_STATES, IDENTITY_PEOPLE, IDENTITY_RECORDS
from shared.errors import ClientError, ConflictError, TooManyRequestsError, UncheckableError
from shared.messaging.freshness import are_fresh

MAX_CHANGES = 100
"""Most changes of a record within `CHANGES_PERIOD`: by the patient side together, and separately by others about each
professional or structure. Others change only what concerns themselves, so nobody uses up the changes of the patient
side, and no structure floods a record."""
CHANGES_PERIOD = timedelta(hours=1)


class RecordNotReadyError(UncheckableError):
    """This record is being opened. Try again in a few seconds."""

    code = "record-not-ready"
    french = "Ce dossier est en cours d’ouverture. Réessayez dans quelques secondes."


class RecordClosedError(ConflictError):
    """This record is closed: its choices can be read, but not changed. Reopen it first."""

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
class ConsentState:
    """The choices of one record in one version. `record_version`: the version of the record's copy that it rests on."""

    record_id: UUID
    version: int
    choices: Choices
    changed_at: datetime
    record_version: int
    version_in_force: int = 0

    @property
    def is_in_force(self) -> bool:
        """Whether every read is now decided under this version or a later one."""
        return self.version_in_force >= self.version

    def changed(self, choices: Choices, at: datetime) -> "ConsentState":
        """Returns the next version with these choices, without authorisations that ended long ago."""
        return replace(self, version=self.version + 1, choices=without_long_ended(choices, at), changed_at=at)

    def as_event(self) -> ConsentStateChanged:
        """Returns the event that announces the whole state to the other services."""
        choices = self.choices
        without_end = {
            authorisation.holder_id
            for authorisation in choices.authorisations
            if authorisation.how != "care-team"
            and authorisation.until is None
            and is_valid(authorisation, self.changed_at)
        }
        return ConsentStateChanged(
            record_id=self.record_id,
            version=self.version,
            authorised=tuple(sorted(without_end)),
            changed_at=self.changed_at,
            seen={IDENTITY_RECORDS.name: self.record_version},
            **{name: getattr(choices, name) for name in Choices.model_fields},
        )


class VersionDiffersError(ClientError):
    """The choices have changed meanwhile. Read them again (GET .../choices), then change them."""

    code = "version-differs"
    status = 412
    french = "Les choix ont changé entre-temps. Consultez-les à nouveau (GET .../choices), puis recommencez."

    def __init__(self, current: ConsentState) -> None:
        super().__init__()
        self.current = current


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One version of the choices: which change made it, when and by whom."""

    version: int
    action: str
    subject_id: str | None
    actor_kind: str
    actor_id: str
    changed_at: datetime
    change: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class RecordCopy:
    """Consent's copy of a record. `partition`: the one that its event came from, whose watermark tells how fresh it
    is."""

    record_id: UUID
    version: int
    status: str
    partition: int
    linked_to: UUID | None = None


@dataclass(frozen=True, slots=True)
class CopyAge:
    """How old the copies about one record are: consent has what identity announced before these moments.

    A moment is None if it is not known. `is_broken`: a state or an erasure of the record could not be read.
    """

    record_at: datetime | None = None
    people_at: datetime | None = None
    erasures_at: datetime | None = None
    is_broken: bool = False

    def is_fresh(self, now: datetime, limit: timedelta) -> bool:
        """Whether the copies are fresh enough for somebody to act for the patient."""
        return not self.is_broken and are_fresh((self.record_at, self.people_at, self.erasures_at), now, limit)

    def is_fresh_for_holders(self, now: datetime, limit: timedelta) -> bool:
        """Whether the copies are fresh enough to show holders what they were given; who acts for the patient does not
        matter then."""
        return not self.is_broken and are_fresh((self.record_at, self.erasures_at), now, limit)


UNKNOWN_AGE = CopyAge()


@dataclass(frozen=True, slots=True)
class RecordContext:
    """What a change is decided on besides the state: the record, and who may act for the patient.

    `linked_to`: the other record of the same person; `blocked_in_linked`: the identifiers blocked in it, which are
    blocked in this record too.
    """

    status: str
    linked_to: UUID | None = None
    people: PeopleChanged | None = None
    age: CopyAge = UNKNOWN_AGE
    blocked_in_linked: frozenset[str] = frozenset()

    def relation_of(self, kind: str, id: str, own_record_id: UUID | None, record_id: UUID, now: datetime) -> str:
        """Returns the relation of an actor to the patient at this moment: holder, representative, carer or none.

        `id`: the actor's own id; `own_record_id`: the record for which the actor's token was issued.
        """
        if kind == "patient":
            return "holder" if own_record_id in (record_id, self.linked_to or record_id) else "none"
        if self.people is None or own_record_id != record_id:
            return "none"
        candidates = {"representative": self.people.representatives, "carer": self.people.carers}.get(kind, ())
        return kind if any(_is_named_now(person, id, now) for person in candidates) else "none"


def _is_named_now(person: PersonNamed, person_id: str, now: datetime) -> bool:
    return str(person.person_id) == person_id and person.since <= now and (person.until is None or now < person.until)


@dataclass(frozen=True, slots=True)
class DepositContext:
    """What a deposit is decided on. `state_version` None: consent has no choices of the record. `awaits_recovery`: the
    state may be outdated, because this database may have lost commits."""

    status: str
    record_version: int
    state_version: int | None
    feeding_objections: frozenset[str] = frozenset()
    blocked: frozenset[str] = frozenset()
    mask_new_documents: bool = False
    linked_to: UUID | None = None
    people: PeopleChanged | None = None
    awaits_recovery: bool = False

    def with_linked(self, other: "DepositContext | None") -> "DepositContext":
        """Returns this context with the blocks of the patient's other record added."""
        return self if other is None else replace(self, blocked=self.blocked | other.blocked)

    @property
    def seen(self) -> Seen:
        """The versions that a decision rests on, by topic."""
        states = {} if self.state_version is None else {CONSENT_STATES.name: self.state_version}
        return {IDENTITY_RECORDS.name: self.record_version, **states}

    def is_older_than(self, seen: Seen) -> bool:
        """Whether the sender of an event had seen newer versions than these."""
        people_version = 0 if self.people is None else self.people.version
        if self.record_version < seen.get(IDENTITY_RECORDS.name, 1):
            return True
        return people_version < seen.get(IDENTITY_PEOPLE.name, 0)

    @property
    def is_complete(self) -> bool:
        """Whether a deposit can be decided; a record that was never open here needs no choices."""
        return self.state_version is not None or self.status != "open"
