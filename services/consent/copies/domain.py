"""What the copies say about a record, who may act for its patient, and the entries of the directory."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from shared.contracts.identity import PeopleChanged, PersonNamed
from shared.messaging.freshness import are_fresh
from shared.national_ids import HolderKind
from shared.terminology.professions import DOCTOR


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
class DirectoryEntry:
    """An entry of the public directory. `profession` None: a structure."""

    id: str
    profession: str | None
    active: bool

    @property
    def is_doctor(self) -> bool:
        """Whether this is an active doctor, who may be named as médecin traitant."""
        return self.active and self.profession == DOCTOR

    def is_of_kind(self, kind: HolderKind | None) -> bool:
        """Whether this is a professional or a structure; True for any entry if `kind` is None."""
        return kind is None or (kind == "structure") == (self.profession is None)
