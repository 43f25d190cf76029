"""What the access rules are asked with: who asks, what the copies say, and what a document is."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import NamedTuple, Protocol
from uuid import UUID

from services.records.domain.copies import RecordFacts
from services.records.domain.documents import Head
from services.records.domain.parameters import STRICTEST, Parameters
from shared.access import Facts, blocked_of
from shared.contracts.base import Actor

SECRET = "secret"  # noqa: S105 - the secret connection of a minor
REGULATION = "centre_15"
EMERGENCIES = frozenset({"bris_de_glace", REGULATION})
LABEL_MASKED = "MASQUE_PS"
PATIENT_SIDE = frozenset({"patient", "representative", "carer"})
_NO_APPLICATIONS: Mapping[str, frozenset[str]] = MappingProxyType({})


class Asker(Protocol):
    """The part of a caller that the rules look at."""

    @property
    def kind(self) -> str:
        """patient, professional, software ..."""

    @property
    def id(self) -> str:
        """Record id, national id, client id."""

    @property
    def client_id(self) -> str:
        """The software or application that asks."""

    @property
    def record_id(self) -> UUID | None:
        """The own record, of a patient; the one acted for, of who acts for another."""

    @property
    def profession(self) -> str | None:
        """Of a professional."""

    @property
    def organisation_id(self) -> str | None:
        """Of software and professionals."""

    @property
    def session_id(self) -> UUID | None:
        """The sign-in in which this is asked."""

    @property
    def mode(self) -> str:
        """The access mode stated for the token (TRE_R248, or `secret`)."""

    @property
    def motive(self) -> str | None:
        """Of an emergency, sealed for audit."""

    @property
    def patient_present(self) -> UUID | None:
        """The record whose card was read."""

    @property
    def never(self) -> str | None:
        """A kind that has no access, or none but by express consent."""

    def names(self, record_id: UUID) -> bool:
        """Whether an emergency is for this record."""

    def actor(self) -> Actor:
        """The same for the ledger."""


@dataclass(frozen=True, slots=True)
class Combination:
    """What the rules look at of a document; any number of documents of a record have it in common.

    `deposited_by`: organisation, patient, representative or carer; `in_secret`: in the secret connection of a minor.
    `mine`: deposited by the organisation whose software asks, or by who asks of the person's side; or the professional
    who asks wrote it.
    """

    status: str
    type: str
    class_code: str
    section: str
    labels: frozenset[str]
    masked_by: str | None
    shown_to_representatives: bool
    deposited_by: str
    in_secret: bool
    mine: bool


ABSENT = Combination(
    *("unknown", "", "", "", frozenset(), None),
    shown_to_representatives=False,
    deposited_by="unknown",
    in_secret=False,
    mine=False,
)
"""What is asked about a document that is not there."""


class Said(NamedTuple):
    """What a record and the matrix in force say of documents of a type and section, to who asks."""

    section_hidden: bool
    application_may: bool
    matrix_cell: str


def record_facts(
    asker: Asker,
    action: str,
    record: RecordFacts,
    *,
    now: datetime,
    limit: timedelta,
    parameters: Parameters = STRICTEST,
    change: str | None = None,
) -> Facts:
    """All but the document."""
    choices, emergency = record.choices, record.choices.emergency
    same_person = [id for id in (record.id, record.linked_to) if id is not None]
    holders = [one for one in (asker.id, asker.organisation_id) if one is not None]
    return Facts(
        action=action,
        actor_kind=asker.kind,
        never=asker.never,
        occupational_medicine=parameters.occupational_medicine,
        masked_and_invisible_allowed=parameters.masked_and_invisible,
        profession=coded(asker.profession),
        relation=relation_of(asker, record, now),
        regulator=asker.mode == REGULATION,
        mode="normal" if asker.mode == SECRET else asker.mode,
        secret=asker.mode == SECRET,
        motive=asker.motive is not None,
        record_named=any(asker.names(id) for id in same_person),
        card_present=asker.patient_present in same_person,
        record_status=record.status,
        minor=record.people.is_minor,
        choices_known=record.choices_version is not None,
        copies_fresh=record.is_fresh_for(asker.kind, now, limit),
        authorisation=choices.authorisation_of(holders, now),
        care_team=choices.care_team_of(asker.organisation_id, now),
        care_team_objected=choices.care_team_objected,
        attending_doctor=asker.kind == "professional" and asker.id in choices.attending_doctors,
        blocked=blocked_of(choices.blocked, asker.id, asker.organisation_id),
        break_glass=emergency.break_glass,
        regulation_centre=emergency.regulation_centre,
        masked_in_emergency=emergency.masked_documents,
        change=change,
    )


def document_facts(facts: Facts, asker: Asker, record: RecordFacts, one: Combination) -> Facts:
    """The same with a document."""
    return with_document(facts, one, said_of(asker, record, one))


def said_of(asker: Asker, record: RecordFacts, one: Combination) -> Said:
    """What this person chose about documents like it, and the matrix."""
    matrix = record.matrix if asker.kind == "professional" else None
    return Said(
        section_hidden=one.section in record.choices.hidden_sections,
        application_may=one.section in _sections_of(asker, record),
        matrix_cell="unknown" if matrix is None else matrix.cell(coded(asker.profession), one.type),
    )


def with_document(facts: Facts, one: Combination, said: Said) -> Facts:
    """The facts of a request, with those of a document."""
    return replace(
        facts,
        document_status=one.status,
        document_type=one.type,
        class_code=one.class_code,
        section=one.section,
        section_hidden=said.section_hidden,
        application_may=said.application_may,
        labels=one.labels,
        author=one.mine and facts.actor_kind == "professional",
        own_deposit=one.mine and facts.actor_kind == "software",
        self_deposited=one.mine and facts.actor_kind in PATIENT_SIDE,
        deposited_by=one.deposited_by,
        masked_by=one.masked_by,
        by_minor_in_secret=one.in_secret,
        shown_to_representatives=one.shown_to_representatives,
        matrix_cell=said.matrix_cell,
    )


def combination_of(head: Head, asker: Asker) -> Combination:
    """What the rules look at of one document."""
    return Combination(
        status=status_of(head.status, head.life, archived=head.archived),
        type=head.type,
        class_code=head.class_code,
        section=head.section,
        labels=head.labels,
        masked_by=masked_by(head.labels, head.masked_by),
        shown_to_representatives=head.shown_to_representatives,
        deposited_by=head.deposited_by,
        in_secret=head.in_secret,
        mine=is_own(head, asker),
    )


def is_own(head: Head, asker: Asker) -> bool:
    """Whether who asks deposited the document, or wrote it."""
    match asker.kind:
        case "software":
            return asker.organisation_id == head.organisation_id
        case "professional":
            return asker.id in head.author_ids
        case _:
            return asker.id == head.depositor_id


def status_of(status: str, life: str, *, archived: bool) -> str:
    """Where in its life a document is, as the rules call it."""
    if status != "published":
        return status
    if life != "current":
        return life
    return "archived" if archived else "published"


def masked_by(labels: frozenset[str], known: str | None) -> str | None:
    """Whose mask it is; one that came with the deposit is its author's."""
    return (known or "author") if LABEL_MASKED in labels else None


def relation_of(asker: Asker, record: RecordFacts, now: datetime) -> str:
    """What the asker is to the holder, by the copies of this moment; what a token says of it does not suffice."""
    if record.id is None:
        return "none"
    if asker.kind == "application":
        return "application" if asker.client_id in (record.choices.applications or _NO_APPLICATIONS) else "none"
    if asker.record_id is None or asker.record_id not in (record.id, record.linked_to):
        return "none"
    if asker.kind == "patient":
        return "holder"
    return asker.kind if record.people.has(asker.kind, asker.id, now) else "none"


def coded(profession: str | None) -> str | None:
    """Table and code (`G15_10`); a code alone is one of TRE_G15."""
    return f"G15_{profession}" if profession is not None and profession.isdigit() else profession


def _sections_of(asker: Asker, record: RecordFacts) -> frozenset[str]:
    if asker.kind != "application":
        return frozenset()
    return (record.choices.applications or _NO_APPLICATIONS).get(asker.client_id, frozenset())
