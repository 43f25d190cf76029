"""What the access rules are asked with: who asks, what the copies say, and what a document is."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import NamedTuple, Protocol
from uuid import UUID

from services.records.domain.copies import RecordFacts
from services.records.domain.documents import DocumentSummary
from services.records.domain.parameters import STRICTEST, Parameters
from shared.access import Facts, blocked_of
from shared.contracts.base import Actor

SECRET = "secret"  # noqa: S105 - the secret connection of a minor
REGULATION = "centre_15"
EMERGENCIES = frozenset({"bris_de_glace", REGULATION})
LABEL_MASKED = "MASQUE_PS"
PATIENT_SIDE = frozenset({"patient", "representative", "carer"})
_NO_APPLICATIONS: Mapping[str, frozenset[str]] = MappingProxyType({})


class Requester(Protocol):
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
class FactCombination:
    """What the rules look at of a document; any number of documents of a record have it in common.

    `deposited_by`: organisation, patient, representative or carer; `in_secret`: in the secret connection of a minor.
    `is_own`: deposited by the organisation whose software asks, or by who asks of the person's side; or the
    professional who asks wrote it.
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
    is_own: bool


ABSENT_DOCUMENT = FactCombination(
    *("unknown", "", "", "", frozenset(), None),
    shown_to_representatives=False,
    deposited_by="unknown",
    in_secret=False,
    is_own=False,
)
"""What is asked about a document that is not there."""


class RecordPolicy(NamedTuple):
    """What a record and the matrix in force say of documents of a type and section, to who asks."""

    section_hidden: bool
    application_may: bool
    matrix_cell: str


def record_facts(
    requester: Requester,
    action: str,
    record: RecordFacts,
    *,
    now: datetime,
    max_copy_age: timedelta,
    parameters: Parameters = STRICTEST,
    change: str | None = None,
) -> Facts:
    """All but the document."""
    choices, emergency = record.choices, record.choices.emergency
    same_person = [id for id in (record.id, record.linked_to) if id is not None]
    holders = [holder_id for holder_id in (requester.id, requester.organisation_id) if holder_id is not None]
    return Facts(
        action=action,
        actor_kind=requester.kind,
        never=requester.never,
        occupational_medicine=parameters.occupational_medicine,
        masked_and_invisible_allowed=parameters.masked_and_invisible,
        profession=profession_code(requester.profession),
        relation=relation_of(requester, record, now),
        regulator=requester.mode == REGULATION,
        mode="normal" if requester.mode == SECRET else requester.mode,
        secret=requester.mode == SECRET,
        motive=requester.motive is not None,
        record_named=any(requester.names(id) for id in same_person),
        card_present=requester.patient_present in same_person,
        record_status=record.status,
        minor=record.people.is_minor,
        choices_known=record.choices_version is not None,
        copies_fresh=record.is_fresh_for(requester.kind, now, max_copy_age),
        authorisation=choices.authorisation_of(holders, now),
        care_team=choices.care_team_of(requester.organisation_id, now),
        care_team_objected=choices.care_team_objected,
        attending_doctor=requester.kind == "professional" and requester.id in choices.attending_doctors,
        blocked=blocked_of(choices.blocked, requester.id, requester.organisation_id),
        break_glass=emergency.break_glass,
        regulation_centre=emergency.regulation_centre,
        masked_in_emergency=emergency.masked_documents,
        change=change,
    )


def document_facts(facts: Facts, requester: Requester, record: RecordFacts, combination: FactCombination) -> Facts:
    """The same with a document."""
    return with_document(facts, combination, policy_for(requester, record, combination))


def policy_for(requester: Requester, record: RecordFacts, combination: FactCombination) -> RecordPolicy:
    """What this person chose about documents like it, and the matrix."""
    matrix = record.matrix if requester.kind == "professional" else None
    return RecordPolicy(
        section_hidden=combination.section in record.choices.hidden_sections,
        application_may=combination.section in _sections_of(requester, record),
        matrix_cell="unknown"
        if matrix is None
        else matrix.cell(profession_code(requester.profession), combination.type),
    )


def with_document(facts: Facts, combination: FactCombination, policy: RecordPolicy) -> Facts:
    """The facts of a request, with those of a document."""
    return replace(
        facts,
        document_status=combination.status,
        document_type=combination.type,
        class_code=combination.class_code,
        section=combination.section,
        section_hidden=policy.section_hidden,
        application_may=policy.application_may,
        labels=combination.labels,
        author=combination.is_own and facts.actor_kind == "professional",
        own_deposit=combination.is_own and facts.actor_kind == "software",
        self_deposited=combination.is_own and facts.actor_kind in PATIENT_SIDE,
        deposited_by=combination.deposited_by,
        masked_by=combination.masked_by,
        by_minor_in_secret=combination.in_secret,
        shown_to_representatives=combination.shown_to_representatives,
        matrix_cell=policy.matrix_cell,
    )


def combination_of(summary: DocumentSummary, requester: Requester) -> FactCombination:
    """What the rules look at of one document."""
    return FactCombination(
        status=lifecycle_status(summary.status, summary.life, archived=summary.archived),
        type=summary.type,
        class_code=summary.class_code,
        section=summary.section,
        labels=summary.labels,
        masked_by=masker_of(summary.labels, summary.masked_by),
        shown_to_representatives=summary.shown_to_representatives,
        deposited_by=summary.deposited_by,
        in_secret=summary.in_secret,
        is_own=is_own(summary, requester),
    )


def is_own(summary: DocumentSummary, requester: Requester) -> bool:
    """Whether who asks deposited the document, or wrote it."""
    match requester.kind:
        case "software":
            return requester.organisation_id == summary.organisation_id
        case "professional":
            return requester.id in summary.author_ids
        case _:
            return requester.id == summary.depositor_id


def lifecycle_status(status: str, life: str, *, archived: bool) -> str:
    """Where in its life a document is, as the rules call it."""
    if status != "published":
        return status
    if life != "current":
        return life
    return "archived" if archived else "published"


def masker_of(labels: frozenset[str], masker: str | None) -> str | None:
    """Whose mask it is; one that came with the deposit is its author's."""
    return (masker or "author") if LABEL_MASKED in labels else None


def relation_of(requester: Requester, record: RecordFacts, now: datetime) -> str:
    """What the asker is to the holder, by the copies of this moment; what a token says of it does not suffice."""
    if record.id is None:
        return "none"
    if requester.kind == "application":
        return "application" if requester.client_id in (record.choices.applications or _NO_APPLICATIONS) else "none"
    if requester.record_id is None or requester.record_id not in (record.id, record.linked_to):
        return "none"
    if requester.kind == "patient":
        return "holder"
    return requester.kind if record.people.has(requester.kind, requester.id, now) else "none"


def profession_code(profession: str | None) -> str | None:
    """Table and code (`G15_10`); a code alone is one of TRE_G15."""
    return f"G15_{profession}" if profession is not None and profession.isdigit() else profession


def _sections_of(requester: Requester, record: RecordFacts) -> frozenset[str]:
    if requester.kind != "application":
        return frozenset()
    return (record.choices.applications or _NO_APPLICATIONS).get(requester.client_id, frozenset())
