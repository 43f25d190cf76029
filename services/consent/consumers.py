"""The subscriptions of consent: the topics that it reads, and the use case that handles their events."""

from functools import partial

from services.consent.choices.steps import acknowledge_copies, copy_people, copy_records
from services.consent.collected_consents.domain import DEFAULT_RULES as COLLECTED_RULES
from services.consent.collected_consents.domain import CollectedConsentsRules
from services.consent.collected_consents.steps import judge_consents
from services.consent.copies.steps import copy_directory
from services.consent.deposit_checks.domain import DEFAULT_RULES, DepositChecksRules
from services.consent.deposit_checks.steps import awaiting_version, decide_deposits
from services.consent.directory.steps import copy_searchable_names
from services.consent.erasure.steps import erase_record
from shared.contracts.identity import (
    PeopleChanged,
    ProfessionalChanged,
    RecordChanged,
    RecordErased,
    SessionEnded,
    StructureChanged,
)
from shared.contracts.records import CollectedConsentReported, CopyApplied, DocumentReceived
from shared.contracts.topics import (
    CONSENT_COLLECTED_CONSENTS,
    CONSENT_COPY_ACKNOWLEDGEMENTS,
    CONSENT_DEPOSIT_CHECKS,
    CONSENT_DIRECTORY_COPIES,
    CONSENT_ENDED_SESSIONS,
    CONSENT_ERASURES,
    CONSENT_PEOPLE_COPIES,
    CONSENT_PROFESSIONAL_COPIES,
    CONSENT_RECORD_COPIES,
)
from shared.http.ended_sessions import keep_ended_sessions
from shared.messaging.subscription import Subscription


def subscriptions(
    rules: DepositChecksRules = DEFAULT_RULES, collected_rules: CollectedConsentsRules = COLLECTED_RULES
) -> list[Subscription]:
    """Returns the subscriptions of consent. `rules`: those of the deposit checks; `collected_rules`: of consents.

    Versions deduplicate copies and acknowledgements, the inbox deduplicates deposits and collected consents. A record
    is erased once.
    """
    return [
        Subscription(CONSENT_RECORD_COPIES, (RecordChanged,), copy_records, uses_inbox=False),
        Subscription(CONSENT_PEOPLE_COPIES, (PeopleChanged,), copy_people, uses_inbox=False),
        Subscription(
            CONSENT_DIRECTORY_COPIES, (ProfessionalChanged, StructureChanged), copy_directory, uses_inbox=False
        ),
        Subscription(
            CONSENT_PROFESSIONAL_COPIES,
            (ProfessionalChanged, StructureChanged),
            copy_searchable_names,
            uses_inbox=False,
        ),
        Subscription(
            CONSENT_DEPOSIT_CHECKS,
            (DocumentReceived,),
            partial(decide_deposits, rules=rules),
            awaiting_version=awaiting_version,
        ),
        Subscription(
            CONSENT_COLLECTED_CONSENTS,
            (CollectedConsentReported,),
            partial(judge_consents, rules=collected_rules),
            awaiting_version=awaiting_version,
        ),
        Subscription(CONSENT_COPY_ACKNOWLEDGEMENTS, (CopyApplied,), acknowledge_copies, uses_inbox=False),
        Subscription(CONSENT_ENDED_SESSIONS, (SessionEnded,), keep_ended_sessions, uses_inbox=False),
        Subscription(CONSENT_ERASURES, (RecordErased,), erase_record, uses_inbox=False, skips_erased_records=False),
    ]
