"""The subscriptions of audit: the topics that it reads, and the use case that handles their events."""

from functools import partial

from services.audit.copies.steps.copy_people import copy_people
from services.audit.copies.steps.copy_records import copy_records
from services.audit.erasure.steps import erase_record
from services.audit.ledger.adapters import MotiveVault
from services.audit.ledger.steps.record_dead_letters import record_dead_letters
from services.audit.ledger.steps.write_entries import write_entries
from shared.contracts.audit import AccessRecorded, OperatorActed
from shared.contracts.consent import DepositDecided
from shared.contracts.identity import (
    ClientAdministered,
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
from shared.public_names import copy_names

LEDGER_EVENTS = (
    AccessRecorded,
    ClientAdministered,
    OperatorActed,
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
    """Returns the subscriptions of audit.

    The ledger's primary key deduplicates its events. Dead letters are entered in the ledger, and no message is parked
    behind them. The ledger also takes late events about erased records.
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
