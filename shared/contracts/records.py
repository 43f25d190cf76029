"""Events of records: the life of documents, first fillings of histories, the versions of neighbours' states that are in
force, and the consents that structures collected."""

from datetime import datetime
from typing import Any, ClassVar, Literal
from uuid import UUID

from shared.contracts.audit import RecordedFacts
from shared.contracts.base import NOTHING_SEEN, Actor, Code, RecordEvent, Seen, Version


class DocumentEvent(RecordEvent):
    """An event about one document of one deposit; ids and codes only."""

    document_id: UUID
    deposit_id: UUID
    organisation_id: Code
    seen: Seen = NOTHING_SEEN


class DocumentReceived(DocumentEvent):
    """A deposit passed the first checks and is stored, invisible until it is decided.

    `actor`: the depositor, when it is not the software `client_id` itself. `mode`: the access mode of its token.
    `replaced`: for a replacement, the facts of the replaced document that the rules need.
    """

    ce_type: ClassVar[str] = "records.document-received.v1"
    client_id: Code
    author_id: Code | None = None
    type: Code
    class_code: Code
    section: Code
    labels: tuple[Code, ...]
    received_at: datetime
    actor: Actor | None = None
    mode: Code = "normal"
    replaced: RecordedFacts | None = None


class DocumentPublished(DocumentEvent):
    """The document is visible from now on, within its labels. `deposited_by`: organisation, patient, carer ...

    `masked_by`: author or patient, when the labels contain a mask. `shown_to_representatives`: representatives see it
    for good, as they saw the document it replaces.
    """

    ce_type: ClassVar[str] = "records.document-published.v1"
    labels: tuple[Code, ...]
    decision_id: UUID
    received_at: datetime
    published_at: datetime
    deposited_by: Code = "organisation"
    masked_by: Code | None = None
    shown_to_representatives: bool = False


class DocumentRefused(DocumentEvent):
    """The document will never be visible; the tracking tells the depositor the reason. `actor`: who deposited it."""

    ce_type: ClassVar[str] = "records.document-refused.v1"
    reason: Code
    decision_id: UUID
    refused_at: datetime
    actor: Actor | None = None


class DocumentReplaced(DocumentEvent):
    """Another document has replaced this one, which is superseded. `actor`: the depositor of the new document."""

    ce_type: ClassVar[str] = "records.document-replaced.v1"
    replaced_by: UUID
    actor: Actor
    replaced_at: datetime


class DocumentRelabelled(DocumentEvent):
    """The visibility labels of the document changed, or its archiving. `change`: a code of the access rules.

    `version`: the version of the document, from 2 on. A higher version replaces a lower one, whatever the senders'
    clocks say.
    """

    ce_type: ClassVar[str] = "records.document-relabelled.v1"
    actor: Actor
    change: Code
    labels: tuple[Code, ...]
    archived: bool = False
    version: Version | None = None
    rules_version: Code | None = None
    facts: RecordedFacts | None = None
    changed_at: datetime


class DocumentWithdrawn(DocumentEvent):
    """The document was deleted by its author, its depositing organisation or the patient side (own documents only)."""

    ce_type: ClassVar[str] = "records.document-withdrawn.v1"
    actor: Actor
    rules_version: Code | None = None
    facts: RecordedFacts | None = None
    withdrawn_at: datetime


class CopyApplied(RecordEvent):
    """The state of `topic` for `record_id` is in force in records, up to and including `version`.

    `choices`: those in force (the JSON of `CopiedChoices`), where consent announced an older version of them: it has
    lost the newer one.
    """

    ce_type: ClassVar[str] = "records.copy-applied.v1"
    topic: str
    version: Version
    choices: dict[str, Any] | None = None


class CollectedConsentReported(RecordEvent):
    """A structure reports what the person said to it about this record (HL7 v2, segment ZFA); nothing is decided yet.

    `feeding`: IO opposed to deposits by this structure, INO informed and not opposed; `consultation`: IC not opposed to
    being consulted, INC opposed. None: no statement. `stay_until`: the expected end of the stay. `professional_id`: the
    responsible professional, where the directory has them.
    """

    ce_type: ClassVar[str] = "records.collected-consent-reported.v1"
    organisation_id: Code
    client_id: Code
    feeding: Literal["IO", "INO"] | None = None
    feeding_at: datetime | None = None
    consultation: Literal["IC", "INC"] | None = None
    consultation_at: datetime | None = None
    stay_until: datetime | None = None
    professional_id: Code | None = None
    reported_at: datetime
    seen: Seen = NOTHING_SEEN


class HistoryFilled(RecordEvent):
    """The record has a history of reimbursements for the first time. It says nothing of the care."""

    ce_type: ClassVar[str] = "records.history-filled.v1"
    filled_at: datetime
