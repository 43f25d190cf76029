"""The subscriptions of audit: which topic is read, and which use case handles its events."""

from functools import partial

from services.audit.copies.usecases.copy_names import copy_names
from services.audit.copies.usecases.copy_people import copy_people
from services.audit.copies.usecases.copy_records import copy_records
from services.audit.erasure.usecases.erase_record import erase_record
from services.audit.ledger.motives import MotiveVault
from services.audit.ledger.usecases.record_dead_letters import record_dead_letters
from services.audit.ledger.usecases.write_entries import write_entries
from shared.contracts.audit import AccessRecorded
from shared.contracts.consent import DepositDecided
from shared.contracts.identity import (
    PeopleChanged,
    ProfessionalChanged,
    RecordChanged,
    RecordErased,
    SessionEnded,
    StructureChanged,
)
from shared.contracts.notify import AlertFailed, AlertSent, AlertUnwanted, AlertWithheld
from shared.contracts.records import (
    DocumentPublished,
    DocumentReceived,
    DocumentRefused,
    DocumentRelabelled,
    DocumentReplaced,
    DocumentWithdrawn,
)
from shared.contracts.topics import (
    AUDIT_ENDED_SESSIONS,
    AUDIT_ERASURES,
    AUDIT_LEDGER,
    AUDIT_PEOPLE_COPIES,
    AUDIT_PROFESSIONAL_COPIES,
    AUDIT_RECORD_COPIES,
)
from shared.http.ended_sessions import keep_ended_sessions
from shared.messaging.subscription import Subscription

LEDGER_EVENTS = (
    AccessRecorded,
    DocumentReceived,
    DocumentPublished,
    DocumentRefused,
    DocumentRelabelled,
    DocumentReplaced,
    DocumentWithdrawn,
    DepositDecided,
    AlertSent,
    AlertFailed,
    AlertWithheld,
    AlertUnwanted,
)


def subscriptions(motives: MotiveVault) -> list[Subscription]:
    """Returns the subscriptions of audit. The ledger's primary key deduplicates its events; dead letters are entered in
    the ledger, and nothing waits behind them.

    The ledger also takes late events about erased records.
    """
    ledger = Subscription(
        AUDIT_LEDGER,
        LEDGER_EVENTS,
        partial(write_entries, motives),
        uses_inbox=False,
        quarantine=record_dead_letters,
        skips_erased_records=False,
        enters_unknown_types=True,
    )
    return [
        ledger,
        Subscription(AUDIT_ENDED_SESSIONS, (SessionEnded,), keep_ended_sessions, uses_inbox=False),
        Subscription(AUDIT_ERASURES, (RecordErased,), erase_record, uses_inbox=False, skips_erased_records=False),
        Subscription(AUDIT_PROFESSIONAL_COPIES, (ProfessionalChanged, StructureChanged), copy_names, uses_inbox=False),
        Subscription(AUDIT_RECORD_COPIES, (RecordChanged,), copy_records, uses_inbox=False),
        Subscription(AUDIT_PEOPLE_COPIES, (PeopleChanged,), copy_people, uses_inbox=False),
    ]
