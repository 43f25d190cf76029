"""Plans the changes of a document: which changes a request needs, and whether the rules permit each of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from services.records.copies.domain.copies import RecordContext
from services.records.documents.domain.label_changes import TargetState, VersionDiffersError, changes_between
from services.records.documents.domain.versions import DocumentVersions
from services.records.facts.domain.citations import checked_combination
from services.records.facts.domain.decisions import RuleDecision
from services.records.facts.domain.documents import DocumentSummary
from services.records.facts.domain.facts import (
    ABSENT_DOCUMENT,
    Requester,
    document_facts,
    request_facts,
)
from services.records.facts.domain.rules import FactsRules
from shared.access import Permit, Refusal, decide
from shared.access.facts import PATIENT_SIDE
from shared.contracts.audit import Action
from shared.errors import UncheckableError

TargetFor = Callable[[DocumentSummary], TargetState]
"""Returns the state that the request wants, from the present document."""
RELABEL: Action = "label-document"


@dataclass(frozen=True, slots=True)
class Question:
    """A question to the rules: their action and change, and the ledger's action."""

    rules_action: str
    ledger_action: Action
    change: str | None = None


FIND = Question("find", "find-documents")


def question_about(change: str) -> Question:
    """Returns the question whether a change is permitted."""
    match change:
        case "delete":
            return Question("delete", "delete-document", change)
        case "archive" | "unarchive":
            return Question("archive", "archive-document", change)
        case _:
            return Question("label", RELABEL, change)


@dataclass(frozen=True, slots=True)
class ChangeRequest:
    """A request to change a document, with the state of the record and the document at the moment `at`.

    `versions` is None where there is no such document. `cited`: the documents that versions of the sheet cite.
    """

    requester: Requester
    record: RecordContext
    versions: DocumentVersions | None
    at: datetime
    rules: FactsRules
    cited: Mapping[UUID, DocumentSummary] = field(default_factory=dict)

    @property
    def document(self) -> DocumentSummary | None:
        """The requested version of the document."""
        return None if self.versions is None else self.versions.requested

    @property
    def is_by_patient_side(self) -> bool:
        """Returns whether the patient side sends the request."""
        return self.requester.kind in PATIENT_SIDE

    def decide(self, question: Question, version: DocumentSummary | None) -> RuleDecision:
        """Lets the rules decide on a question about one version of the document."""
        common = request_facts(
            self.requester,
            question.rules_action,
            self.record,
            now=self.at,
            rules=self.rules,
            change=question.change,
        )
        combination = ABSENT_DOCUMENT
        if version is not None:
            combination = checked_combination(common, self.requester, self.record, version, self.cited)
        facts = document_facts(common, self.requester, self.record, combination)
        return RuleDecision(facts, decide(facts))


@dataclass(frozen=True, slots=True)
class DecidedChange:
    """One change with its decision, and the affected versions as they are after it."""

    change: str
    rule_decision: RuleDecision
    versions: tuple[DocumentSummary, ...]


@dataclass(frozen=True, slots=True)
class ChangePlan:
    """The plan of a request: its changes up to the first that is refused.

    `knowledge`: the decision whether the requester may know of the document. Without it there are no changes.
    """

    knowledge: RuleDecision
    changes: tuple[DecidedChange, ...] = ()

    @property
    def rule_decision(self) -> RuleDecision:
        """The decision on the whole request: on its last change, or on the knowledge where nothing changes."""
        return self.changes[-1].rule_decision if self.changes else self.knowledge

    @property
    def ledger_action(self) -> Action:
        """The ledger's action of the decision on the whole request."""
        return question_about(self.changes[-1].change).ledger_action if self.changes else FIND.ledger_action

    @property
    def changed_versions(self) -> dict[UUID, DocumentSummary]:
        """The affected versions by id, as they are after all changes."""
        return {version.id: version for change in self.changes for version in change.versions}


def plan_changes(
    request: ChangeRequest, sight: RuleDecision, target_for: TargetFor, expected_version: int | None
) -> ChangePlan:
    """Decides on the changes of a request. `sight`: the decision whether the requester may see the document.

    The target state is evaluated only for requesters who may know of the document, so that its errors disclose nothing
    to others. Raises VersionDiffersError, what `target_for` raises, and UncheckableError where the document may have
    had newer labels, which the recovery would restore over this change.
    """
    knowledge = _knowledge(request, sight)
    if request.versions is None or isinstance(knowledge.decision, Refusal):
        return ChangePlan(knowledge)
    if request.record.awaits_recovery:
        raise UncheckableError
    document = request.versions.requested
    if expected_version is not None and expected_version != document.version:
        raise VersionDiffersError
    changes = changes_between(document, target_for(document), by_patient_side=request.is_by_patient_side)
    return ChangePlan(knowledge, tuple(_decide_changes(request, request.versions, changes)))


def _knowledge(request: ChangeRequest, sight: RuleDecision) -> RuleDecision:
    """Decides whether the requester may know of the document: by seeing it or, save for the patient side, owning it."""
    if request.is_by_patient_side:
        return sight
    ownership = request.decide(question_about("archive"), request.document)
    if isinstance(ownership.decision, Permit) or isinstance(sight.decision, Refusal):
        return ownership
    return sight


def _decide_changes(request: ChangeRequest, versions: DocumentVersions, changes: Sequence[str]) -> list[DecidedChange]:
    """Returns the changes with their decisions, each after the ones before it, up to the first that is refused."""
    decided: list[DecidedChange] = []
    for change in changes:
        rule_decision = request.decide(question_about(change), versions.deciding_version(change))
        changed = versions.changed_versions(change, by_patient_side=request.is_by_patient_side)
        decided.append(DecidedChange(change, rule_decision, changed))
        if isinstance(rule_decision.decision, Refusal):
            break
        versions = versions.with_changed(changed)
    return decided
