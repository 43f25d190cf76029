"""The subscriptions of records: which step handles which events."""

from functools import partial

from services.records.clinical_facts.context import ExtractionContext
from services.records.clinical_facts.steps.extraction import extract_published
from services.records.copies.steps import (
    apply_call_copies,
    apply_client_copies,
    apply_consent_copies,
    apply_matrix_copies,
    apply_people_copies,
    apply_profession_copies,
)
from services.records.deposits.steps.apply_deposit_decisions import apply_deposit_decisions, find_awaiting_version
from services.records.erasure.steps import erase_record
from services.records.quarantine.steps.record_openings import apply_record_openings
from services.records.recovery.steps import record_lost_documents
from services.records.reimbursements.steps.arrivals import FillContext
from services.records.reimbursements.steps.take_reports import take_reports
from services.records.tracking.steps.follow_deposits import follow_deposits
from shared.contracts.audit import EntryRecorded
from shared.contracts.consent import ConsentStateChanged, DepositDecided, MatrixChanged
from shared.contracts.identity import (
    ClientChanged,
    PeopleChanged,
    PeopleToCallChanged,
    ProfessionalChanged,
    RecordChanged,
    RecordErased,
    SessionEnded,
    StructureChanged,
)
from shared.contracts.insurance import ReimbursementReported
from shared.contracts.notify import AlertEvent, AlertFailed, AlertSent, AlertUnwanted, AlertWithheld
from shared.contracts.records import DocumentPublished
from shared.contracts.topics import (
    RECORDS_CALL_COPIES,
    RECORDS_CLIENT_COPIES,
    RECORDS_CONSENT_COPIES,
    RECORDS_DEPOSIT_DECISIONS,
    RECORDS_DEPOSIT_TRACKING,
    RECORDS_ENDED_SESSIONS,
    RECORDS_ERASURES,
    RECORDS_FACT_EXTRACTION,
    RECORDS_MATRIX_COPIES,
    RECORDS_PEOPLE_COPIES,
    RECORDS_PROFESSION_COPIES,
    RECORDS_RECORD_COPIES,
    RECORDS_REIMBURSEMENT_FEED,
)
from shared.crypto.keyring import Keyring
from shared.crypto.vault import Vault
from shared.db.pool import Connection
from shared.http.ended_sessions import keep_ended_sessions
from shared.messaging.envelope import Message
from shared.messaging.subscription import Subscription


async def follow_and_list_lost(connection: Connection, messages: list[Message[EntryRecorded | AlertEvent]]) -> None:
    """Tracks deposits, and lists as lost those that the ledger and alerts name and this database has lost."""
    await record_lost_documents(connection, await follow_deposits(connection, messages))


def subscriptions(vault: Vault, filling: FillContext, people_to_call: Keyring) -> list[Subscription]:
    """Returns the subscriptions. None uses the inbox, because every handler is idempotent.

    `people_to_call`: the keyring shared with identity.

    Copies have versions, a document is decided once, tracking keeps the first time, a line of reimbursement has
    versions, and a record is erased once.
    """
    calls = partial(apply_call_copies, vault, people_to_call)
    return [
        Subscription(RECORDS_RECORD_COPIES, (RecordChanged,), partial(apply_record_openings, vault), uses_inbox=False),
        Subscription(RECORDS_CONSENT_COPIES, (ConsentStateChanged,), apply_consent_copies, uses_inbox=False),
        Subscription(RECORDS_PEOPLE_COPIES, (PeopleChanged,), apply_people_copies, uses_inbox=False),
        Subscription(RECORDS_CALL_COPIES, (PeopleToCallChanged,), calls, uses_inbox=False),
        Subscription(RECORDS_MATRIX_COPIES, (MatrixChanged,), apply_matrix_copies, uses_inbox=False),
        Subscription(
            RECORDS_PROFESSION_COPIES,
            (ProfessionalChanged, StructureChanged),
            apply_profession_copies,
            uses_inbox=False,
        ),
        Subscription(RECORDS_CLIENT_COPIES, (ClientChanged,), apply_client_copies, uses_inbox=False),
        Subscription(
            RECORDS_DEPOSIT_DECISIONS,
            (DepositDecided,),
            apply_deposit_decisions,
            uses_inbox=False,
            awaiting_version=find_awaiting_version,
        ),
        Subscription(
            RECORDS_DEPOSIT_TRACKING,
            (EntryRecorded, AlertSent, AlertFailed, AlertWithheld, AlertUnwanted),
            follow_and_list_lost,
            uses_inbox=False,
        ),
        Subscription(
            RECORDS_REIMBURSEMENT_FEED,
            (ReimbursementReported,),
            partial(take_reports, filling),
            uses_inbox=False,
            is_unordered=True,  # versions of a line decide, not their order
        ),
        Subscription(RECORDS_ENDED_SESSIONS, (SessionEnded,), keep_ended_sessions, uses_inbox=False),
        Subscription(RECORDS_ERASURES, (RecordErased,), erase_record, uses_inbox=False, skips_erased_records=False),
    ]


def extraction(context: ExtractionContext) -> Subscription:
    """Returns the subscription of the process that reads documents. A document that has blocks is not read again."""
    handler = partial(extract_published, context)
    return Subscription(RECORDS_FACT_EXTRACTION, (DocumentPublished,), handler, uses_inbox=False, is_unordered=True)
