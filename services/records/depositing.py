"""Who deposits, and what a deposit is made from: an organisation's software, a professional, or the person's side."""

from dataclasses import dataclass
from uuid import UUID

from services.records import sealing
from services.records.domain.documents import Depositor, KnownRecord, metadata_of
from services.records.domain.facts import PATIENT_SIDE, SECRET
from services.records.domain.patching import sorted_labels
from services.records.domain.submissions import as_code, professionals_of
from services.records.store.deposits import NewDeposit, NewDocument
from shared.contracts.audit import RecordedFacts
from shared.contracts.base import Actor, Seen
from shared.contracts.records import DocumentReceived
from shared.errors import ForbiddenError
from shared.fhir.submission import Submission, SubmittedDocument
from shared.http.tokens import Caller
from shared.runtime import clock

SCOPE = "documents.deposit"
"""What software needs; the right of a professional and of the person's side is who they are."""


@dataclass(frozen=True, slots=True)
class Depositing:
    """Somebody who may deposit at all. `kind`: whose document it will be.

    `owner`: by whom the deposit is followed: a structure (Struct_IdNat), or who deposits of the person's side.
    """

    caller: Caller
    owner: str
    kind: Depositor

    @property
    def is_of_patient_side(self) -> bool:
        """Whether the document will be the person's own."""
        return self.kind in PATIENT_SIDE

    @property
    def actor(self) -> Actor | None:
        """The person who deposits; None where software does by itself."""
        return None if self.caller.kind == "software" else self.caller.actor()


def depositing(caller: Caller) -> Depositing:
    """How this caller deposits, and follows deposits. Raises ForbiddenError."""
    match caller.kind:
        case "software" if caller.organisation_id is not None:
            caller.require(SCOPE)
            return Depositing(caller, caller.organisation_id, "organisation")
        case "professional" if caller.organisation_id is not None and caller.never is None:
            return Depositing(caller, caller.organisation_id, "organisation")
        case "patient" | "representative" | "carer" if caller.record_id is not None:
            return Depositing(caller, caller.id, caller.kind)
        case _:
            raise ForbiddenError(
                "This is for the software of an organisation (use its client_credentials token), for professionals "
                "who act for a structure, and for patients and who acts for them."
            )


@dataclass(frozen=True, slots=True)
class Replaced:
    """A document of the record whose place another takes; what the rules looked at of it.

    `first_version`: of the document whose versions both are. `labels`: those that go over to the other one, which
    nobody lifts by replacing; `in_secret`: likewise.
    """

    id: UUID
    facts: RecordedFacts
    first_version: UUID
    labels: frozenset[str] = frozenset()
    in_secret: bool = False


@dataclass(frozen=True, slots=True)
class Source:
    """What a deposit is made from. `replaced`: by the place of the new document in the submission."""

    record: KnownRecord
    key: bytes
    who: Depositing
    submission: Submission
    body: bytes
    replaced: dict[int, Replaced]

    def seal(self) -> NewDeposit:
        """The deposit, ready to be kept. Ids come after the moment, so that they never sort before it."""
        received_at = clock.now()
        bucket, deposit_id = self.record.bucket, clock.new_id(self.record.bucket)
        named = [(clock.new_id(bucket), document) for document in self.submission.documents]
        return NewDeposit(
            id=deposit_id,
            record_id=self.record.id,
            organisation_id=self.who.owner,
            client_id=self.who.caller.client_id,
            received_at=received_at,
            documents=tuple(self._seal_document(id, document) for id, document in named),
            request=sealing.seal_request(self.key, deposit_id, self.body, named),
            deposited_by=self.who.kind,
            depositor_id=None if self.who.actor is None else self.who.actor.id,
        )

    def _seal_document(self, id: UUID, document: SubmittedDocument) -> NewDocument:
        authors = professionals_of(document)
        if self.who.caller.kind == "professional" and self.who.caller.id not in authors:
            authors.append(self.who.caller.id)  # a depositor keeps access to what they deposited (R1111-49)
        replaced = self.replaced.get(document.entry)
        return NewDocument(
            id=id,
            unique_id=sealing.unique_id_of(self.key, document.unique_id),
            fingerprint=sealing.fingerprint_of(self.key, document, self.who.owner),
            type=document.type.code,
            class_code=document.type.class_code,
            section=document.type.section,
            labels=document.labels if replaced is None else sorted_labels(replaced.labels | {*document.labels}),
            author_ids=authors,
            metadata=sealing.seal_metadata(self.key, id, metadata_of(document)),
            content=sealing.seal_content(self.key, id, document.content),
            in_secret=self.who.caller.mode == SECRET or (replaced is not None and replaced.in_secret),
            replaces=None if replaced is None else replaced.id,
            chain_id=None if replaced is None else replaced.first_version,
        )

    def received(
        self, deposit: NewDeposit, new: NewDocument, document: SubmittedDocument, seen: Seen
    ) -> DocumentReceived:
        """What is announced of one document."""
        replaced = self.replaced.get(document.entry)
        return DocumentReceived(
            record_id=deposit.record_id,
            document_id=new.id,
            deposit_id=deposit.id,
            organisation_id=deposit.organisation_id,
            seen=seen,
            client_id=deposit.client_id,
            author_id=next((code for one in new.author_ids if (code := as_code(one))), None),
            type=new.type,
            class_code=new.class_code,
            section=new.section,
            labels=new.labels,
            received_at=deposit.received_at,
            actor=self.who.actor,
            mode=self.who.caller.mode,
            replaced=None if replaced is None else replaced.facts,
        )
