"""Builds a sealed deposit from a submission, and the events that announce it."""

from dataclasses import dataclass
from uuid import UUID

from services.records.copies.domain.copies import RecordCopy
from services.records.deposits.domain.submissions import as_code, professionals_of
from services.records.deposits.store.deposits import NewDeposit, NewDocument, NewSheet
from services.records.documents.domain import sealed_contents
from services.records.documents.domain.label_changes import sorted_labels
from services.records.documents.domain.metadata import care_day, metadata_of
from services.records.tracking.steps.depositor import Depositor
from shared.contracts.audit import RecordedFacts
from shared.contracts.base import Seen
from shared.contracts.records import DocumentReceived
from shared.crypto.keyring import seal
from shared.crypto.vault import place
from shared.fhir.submission import Submission, SubmittedDocument
from shared.runtime import clock
from shared.terminology import access_modes
from shared.values import RedactedRepr


@dataclass(frozen=True, slots=True)
class ReplacedDocument:
    """A document of the record that a new one replaces. `facts`: its facts on which the rules decided.

    `first_version`: the id that all versions have in common. `labels` and `in_secret` pass to the new document, because
    a replacement does not lift them.
    """

    id: UUID
    facts: RecordedFacts
    first_version: UUID
    labels: frozenset[str] = frozenset()
    in_secret: bool = False


@dataclass(frozen=True, slots=True, repr=False)
class SignedSheet(RedactedRepr):
    """What goes with a version of the summary sheet: the doctor whose chain it continues, the document versions that it
    cites, and what the doctor signed in it, not sealed yet."""

    doctor_id: str
    cites: tuple[UUID, ...]
    lines: bytes


@dataclass(frozen=True, slots=True)
class DepositBuilder:
    """Builds a sealed deposit from a submission. `replaced`: the replaced documents by the entry of the new one.

    `sheet`: where the only document of the submission is a version of the summary sheet.
    """

    record: RecordCopy
    key: bytes
    depositor: Depositor
    submission: Submission
    body: bytes
    replaced: dict[int, ReplacedDocument]
    sheet: SignedSheet | None = None

    def sealed_deposit(self) -> NewDeposit:
        """Returns the deposit, ready to be stored. Ids are made after `received_at`, so that none sorts before it."""
        received_at = clock.now()
        bucket, deposit_id = self.record.bucket, clock.new_id(self.record.bucket)
        identified = [(clock.new_id(bucket), document) for document in self.submission.documents]
        return NewDeposit(
            id=deposit_id,
            record_id=self.record.id,
            organisation_id=self.depositor.owner,
            client_id=self.depositor.caller.client_id,
            received_at=received_at,
            documents=tuple(self._seal_document(id, document) for id, document in identified),
            request=sealed_contents.seal_request(self.key, deposit_id, self.body, identified),
            deposited_by=self.depositor.kind,
            depositor_id=None if self.depositor.actor is None else self.depositor.actor.id,
        )

    def _seal_document(self, id: UUID, document: SubmittedDocument) -> NewDocument:
        author_ids = professionals_of(document)
        if self.depositor.caller.kind == "professional" and self.depositor.caller.id not in author_ids:
            author_ids.append(self.depositor.caller.id)  # a depositor keeps access to what they deposited (R1111-49)
        replaced = self.replaced.get(document.entry)
        metadata = metadata_of(document)
        return NewDocument(
            id=id,
            unique_id=sealed_contents.unique_id_digest(self.key, document.unique_id),
            fingerprint=sealed_contents.submission_fingerprint(self.key, document, self.depositor.owner),
            type=document.type.code,
            class_code=document.type.class_code,
            section=document.type.section,
            labels=document.labels if replaced is None else sorted_labels(replaced.labels | {*document.labels}),
            author_ids=author_ids,
            metadata=sealed_contents.seal_metadata(self.key, id, metadata),
            content=sealed_contents.seal_content(self.key, id, document.content),
            care_on=care_day(metadata),
            in_secret=self.depositor.caller.mode == access_modes.SECRET
            or (replaced is not None and replaced.in_secret),
            replaces=None if replaced is None else replaced.id,
            chain_id=None if replaced is None else replaced.first_version,
            sheet=None if self.sheet is None else self._seal_sheet(self.sheet, id),
        )

    def _seal_sheet(self, sheet: SignedSheet, id: UUID) -> NewSheet:
        return NewSheet(sheet.doctor_id, sheet.cites, seal(self.key, sheet.lines, place("signatures", id)))

    def received_event(
        self, deposit: NewDeposit, new: NewDocument, document: SubmittedDocument, seen: Seen
    ) -> DocumentReceived:
        """Returns the event that announces one document of the deposit."""
        replaced = self.replaced.get(document.entry)
        return DocumentReceived(
            record_id=deposit.record_id,
            document_id=new.id,
            deposit_id=deposit.id,
            organisation_id=deposit.organisation_id,
            seen=seen,
            client_id=deposit.client_id,
            author_id=next((code for author_id in new.author_ids if (code := as_code(author_id))), None),
            type=new.type,
            class_code=new.class_code,
            section=new.section,
            labels=new.labels,
            received_at=deposit.received_at,
            actor=self.depositor.actor,
            mode=self.depositor.caller.mode,
            replaced=None if replaced is None else replaced.facts,
        )
