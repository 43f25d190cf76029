"""The facts for the access rules: about the requester, the record (from the local copies) and one document."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple, Protocol
from uuid import UUID

from services.records.copies.domain.copies import RecordContext
from services.records.facts.domain.documents import DocumentSummary
from services.records.facts.domain.rules import FactsRules
from shared.access import Facts, blocked_of
from shared.access.facts import PATIENT_SIDE
from shared.contracts.base import Actor
from shared.terminology import access_modes
from shared.terminology.visibility import Visibility


class Requester(Protocol):
    """The part of a caller that the rules look at; what-if questions imagine further requesters."""

    @property
    def kind(self) -> str:
        """The kind of caller: patient, professional, software ..."""

    @property
    def id(self) -> str:
        """The record id of a person, the national id of a professional, or the client id of software."""

    @property
    def client_id(self) -> str:
        """The software or application that sends the request."""

    @property
    def record_id(self) -> UUID | None:
        """The patient's record; for a representative or carer, the record of the holder they act for."""

    @property
    def profession(self) -> str | None:
        """The profession of a professional, None for others."""

    @property
    def organisation_id(self) -> str | None:
        """The structure of software or of a professional."""

    @property
    def session_id(self) -> UUID | None:
        """The session of the request, if any."""

    @property
    def mode(self) -> str:
        """The access mode of the token (TRE_R248, or `secret`)."""

    @property
    def motive(self) -> str | None:
        """The motive of an emergency, encrypted for audit."""

    @property
    def patient_present(self) -> UUID | None:
        """The record whose card was read in the session."""

    @property
    def never(self) -> str | None:
        """A kind of profession or structure that has no access, or only with express consent."""

    def names(self, record_id: UUID) -> bool:
        """Returns whether the token's emergency is for this record."""

    def actor(self) -> Actor:
        """Returns the requester for the ledger."""


@dataclass(frozen=True, slots=True)
class FactCombination:
    """The facts about a document on which the rules decide. Many documents of a record have the same combination.

    `deposited_by`: organisation, patient, representative or carer. `in_secret`: deposited in the secret connection of a
    minor. `is_own`: deposited by the requester or their organisation's software, or written by the requester.
    `citations`: as in `Facts`; `unchecked` of a version of the summary sheet until what it cites is checked.
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
    citations: str = "none"


ABSENT_DOCUMENT = FactCombination(
    status="unknown",
    type="",
    class_code="",
    section="",
    labels=frozenset(),
    masked_by=None,
    shown_to_representatives=False,
    deposited_by="unknown",
    in_secret=False,
    is_own=False,
)
"""The facts with which the rules decide about a document that does not exist."""


class RecordPolicy(NamedTuple):
    """For one requester: whether the choices hide the section and admit the application, and the cell of the matrix."""

    section_hidden: bool
    application_may: bool
    matrix_cell: str


def request_facts(
    requester: Requester,
    action: str,
    record: RecordContext,
    *,
    now: datetime,
    rules: FactsRules,
    change: str | None = None,
) -> Facts:
    """Returns the facts of a request, all but those of a document."""
    choices = record.choices
    is_in_secret = requester.mode == access_modes.SECRET
    record_ids = [id for id in (record.id, record.linked_to) if id is not None]
    return Facts(
        action=action,
        change=change,
        # the requester
        actor_kind=requester.kind,
        profession=profession_code(requester.profession),
        relation=relation_of(requester, record, now),
        never=requester.never,
        regulator=requester.mode == access_modes.REGULATION_CENTRE,
        mode="normal" if is_in_secret else requester.mode,
        secret=is_in_secret,
        motive=requester.motive is not None,
        record_named=any(requester.names(id) for id in record_ids),
        card_present=requester.patient_present in record_ids,
        # the record
        record_status=record.status,
        minor=record.people.is_minor,
        choices_known=record.choices_version is not None,
        copies_fresh=record.is_fresh_for(requester.kind, now, rules.max_copy_age),
        # the patient's choices
        authorisation=choices.authorisation_of(_grantee_ids(requester), now),
        care_team=choices.care_team_of(requester.organisation_id, now),
        care_team_objected=choices.care_team_objected,
        attending_doctor=requester.kind == "professional" and requester.id in choices.attending_doctors,
        blocked=blocked_of(choices.blocked, requester.id, requester.organisation_id),
        break_glass=choices.emergency.break_glass,
        regulation_centre=choices.emergency.regulation_centre,
        masked_in_emergency=choices.emergency.masked_documents,
        # the national parameters
        occupational_medicine=rules.occupational_medicine,
        masked_and_invisible_allowed=rules.masked_and_invisible,
    )


def _grantee_ids(requester: Requester) -> list[str]:
    """Returns the ids under which the patient side may have authorised the requester."""
    return [requester.id] if requester.organisation_id is None else [requester.id, requester.organisation_id]


def document_facts(facts: Facts, requester: Requester, record: RecordContext, combination: FactCombination) -> Facts:
    """Returns the facts of a request about a document of this record."""
    return with_document(facts, combination, policy_for(requester, record, combination))


def policy_for(requester: Requester, record: RecordContext, combination: FactCombination) -> RecordPolicy:
    """Returns what the choices and the matrix say about documents of this combination."""
    sections = _application_sections(requester, record) or frozenset()
    return RecordPolicy(
        section_hidden=combination.section in record.choices.hidden_sections,
        application_may=combination.section in sections,
        matrix_cell=_matrix_cell(requester, record, combination.type),
    )


def _matrix_cell(requester: Requester, record: RecordContext, document_type: str) -> str:
    if requester.kind != "professional" or record.matrix is None:
        return "unknown"
    return record.matrix.cell(profession_code(requester.profession), document_type)


def with_document(facts: Facts, combination: FactCombination, policy: RecordPolicy) -> Facts:
    """Returns the facts of a request with those of a document."""
    return replace(
        facts,
        document_status=combination.status,
        document_type=combination.type,
        class_code=combination.class_code,
        section=combination.section,
        labels=combination.labels,
        masked_by=combination.masked_by,
        deposited_by=combination.deposited_by,
        by_minor_in_secret=combination.in_secret,
        shown_to_representatives=combination.shown_to_representatives,
        citations=combination.citations,
        author=combination.is_own and facts.actor_kind == "professional",
        own_deposit=combination.is_own and facts.actor_kind == "software",
        self_deposited=combination.is_own and facts.actor_kind in PATIENT_SIDE,
        section_hidden=policy.section_hidden,
        application_may=policy.application_may,
        matrix_cell=policy.matrix_cell,
    )


def combination_of(summary: DocumentSummary, requester: Requester) -> FactCombination:
    """Returns the combination of facts of one document, for this requester."""
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
        citations=citations_before_check(summary.cites),
    )


def citations_before_check(cites: Sequence[UUID] | None) -> str:
    """Returns the fact `citations` of a document that cites these ones, before anybody has checked them."""
    return "none" if cites is None else "unchecked"


def is_own(summary: DocumentSummary, requester: Requester) -> bool:
    """Returns whether the requester (or its organisation, for software) deposited or wrote the document."""
    match requester.kind:
        case "software":
            return requester.organisation_id == summary.organisation_id
        case "professional":
            return requester.id in summary.author_ids
        case _:
            return requester.id == summary.depositor_id


def lifecycle_status(status: str, life: str, *, archived: bool) -> str:
    """Returns the rules' code of the document's status: received, refused, published, archived, superseded, deleted."""
    if status != "published":
        return status
    if life != "current":
        return life
    return "archived" if archived else "published"


def masker_of(labels: frozenset[str], masker: str | None) -> str | None:
    """Returns who masked a document with these labels, None if it is not masked.

    A mask without a stored masker came with the deposit, and is the author's.
    """
    return (masker or "author") if Visibility.MASKED in labels else None


def relation_of(requester: Requester, record: RecordContext, now: datetime) -> str:
    """Returns the relation to the holder by the copies at this moment; the token alone does not prove it."""
    if record.id is None:
        return "none"
    if requester.kind == "application":
        return "none" if _application_sections(requester, record) is None else "application"
    if requester.record_id is None or requester.record_id not in (record.id, record.linked_to):
        return "none"
    if requester.kind == "patient":
        return "holder"
    return requester.kind if record.people.has(requester.kind, requester.id, now) else "none"


def profession_code(profession: str | None) -> str | None:
    """Returns the profession as table and code (`G15_10`); a code alone is one of TRE_G15."""
    return f"G15_{profession}" if profession is not None and profession.isdigit() else profession


def _application_sections(requester: Requester, record: RecordContext) -> frozenset[str] | None:
    """Returns the sections that the holder lets this application read; None for any other requester."""
    if requester.kind != "application" or record.choices.applications is None:
        return None
    return record.choices.applications.get(requester.client_id)


@dataclass(frozen=True, slots=True)
class AuthoredCombination:
    """The facts about a document that do not depend on the reader, and its authors."""

    combination: FactCombination
    author_ids: frozenset[str]
