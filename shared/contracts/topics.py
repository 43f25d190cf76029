"""Declares every topic and consumer group once: owner, key, writer, retention, partitions, events, readers.

Topics, ACLs, AsyncAPI and the checks at start are generated from here.
"""

from datetime import timedelta

from shared.contracts import audit, consent, identity, insurance, notify, records
from shared.contracts.declarations import SERVICES, Group, Service, Topic

FACTS_KEPT = timedelta(days=30)
DEAD_LETTERS_KEPT = timedelta(days=30)
SEGMENT_SPAN = timedelta(days=1)
"""A segment is closed after this time, however little it holds. Only closed segments are deleted or compacted."""
COMPACTED_WITHIN = timedelta(days=1)
"""The latest time after which a state that was replaced or deleted becomes due for compaction."""
CLEANED_WITHIN = timedelta(days=1)
"""Time allowed for the broker to delete or compact what is due. It checks every few minutes; a day is ample."""

IDENTITY_RECORDS = Topic(
    "identity.records.v1",
    "identity",
    "state",
    (identity.RecordChanged,),
    "Which records exist, their status, and fingerprints to find one and to compare strict traits.",
    low_latency=True,
)
IDENTITY_PEOPLE = Topic(
    "identity.people.v1",
    "identity",
    "state",
    (identity.PeopleChanged,),
    "The médecin traitant, representatives and carers of a record.",
    low_latency=True,
)
IDENTITY_CONTACTS = Topic(
    "identity.contacts.v1",
    "identity",
    "state",
    (identity.ContactChanged,),
    "Where and in which language a person is notified, sealed for notify.",
)
IDENTITY_PEOPLE_TO_CALL = Topic(
    "identity.people-to-call.v1", "identity", "state", (identity.PeopleToCallChanged,), "Whom to call, for records."
)
IDENTITY_PROFESSIONALS = Topic(
    "identity.professionals.v1",
    "identity",
    "state",
    (identity.ProfessionalChanged, identity.StructureChanged),
    "Public names and codes of professionals and structures.",
    key="national identifier of the professional or structure",
)
IDENTITY_CLIENTS = Topic(
    "identity.clients.v1",
    "identity",
    "state",
    (identity.ClientChanged,),
    "Registered software: its organisation, certificates, sending applications, scopes and status.",
    key="client id",
    national_partitions=1,
    local_partitions=1,
)
IDENTITY_ERASURES = Topic(
    "identity.erasures.v1",
    "identity",
    "facts",
    (identity.RecordErased,),
    "Records that are to vanish. Kept for ever, so that nothing restored or replayed brings one back.",
    has_heartbeats=True,
)
IDENTITY_ENDED_SESSIONS = Topic(
    "identity.ended-sessions.v1",
    "identity",
    "facts",
    (identity.SessionEnded,),
    "Sessions of holders that were ended, so that a stolen token changes nothing elsewhere either.",
    key="session id",
    retention=timedelta(days=7),
    low_latency=True,
)
RECORDS_DOCUMENTS = Topic(
    "records.documents.v1",
    "records",
    "facts",
    (
        records.DocumentReceived,
        records.DocumentPublished,
        records.DocumentRefused,
        records.DocumentReplaced,
        records.DocumentRelabelled,
        records.DocumentWithdrawn,
    ),
    "The life of documents.",
    retention=FACTS_KEPT,
)
RECORDS_COPIES = Topic(
    "records.copies.v1",
    "records",
    "facts",
    (records.CopyApplied,),
    "Which version of a neighbour's state is in force where reads are decided.",
    retention=FACTS_KEPT,
    low_latency=True,
)
RECORDS_COLLECTED_CONSENTS = Topic(
    "records.collected-consents.v1",
    "records",
    "facts",
    (records.CollectedConsentReported,),
    "What structures collected from persons about deposits and consultation.",
    retention=FACTS_KEPT,
)
RECORDS_HISTORIES = Topic(
    "records.histories.v1",
    "records",
    "facts",
    (records.HistoryFilled,),
    "Which records have a history for the first time.",
    retention=FACTS_KEPT,
)
CONSENT_STATES = Topic(
    "consent.states.v1",
    "consent",
    "state",
    (consent.ConsentStateChanged,),
    "Who may read and who may deposit, per record, whole and versioned.",
    low_latency=True,
)
CONSENT_DECISIONS = Topic(
    "consent.decisions.v1",
    "consent",
    "facts",
    (consent.DepositDecided,),
    "Decisions about deposits with the facts they saw.",
    retention=FACTS_KEPT,
)
CONSENT_MATRICES = Topic(
    "consent.matrices.v1",
    "consent",
    "state",
    (consent.MatrixChanged,),
    "Which profession may read which document type, by version of the national matrix.",
    key="name of the matrix",
    national_partitions=1,
    local_partitions=1,
)
AUDIT_ENTRIES = Topic(
    "audit.entries.v1",
    "audit",
    "facts",
    (audit.EntryRecorded,),
    "The ledger's word that an entry stands.",
    retention=FACTS_KEPT,
)
NOTIFY_REQUESTS = Topic(
    "notify.requests.v1",
    "notify",
    "facts",
    (notify.MessageRequested,),
    "Codes, notices and letters to be sent, sealed for notify.",
    key="record id, or the request's where no record exists yet",
    retention=timedelta(days=7),
    writer="identity",
)
NOTIFY_ALERTS = Topic(
    "notify.alerts.v1",
    "notify",
    "facts",
    (notify.AlertSent, notify.AlertFailed, notify.AlertWithheld, notify.AlertUnwanted),
    "What became of each alert.",
    retention=FACTS_KEPT,
)
INSURANCE_REIMBURSEMENTS = Topic(
    "insurance.reimbursements.v1",
    "insurance",
    "facts",
    (insurance.ReimbursementReported,),
    "Lines of reimbursement as they arise, encrypted for records. The insurance writes and reads nothing.",
    key="HMAC of payer and sheet under the feed's key",
    retention=timedelta(days=3),
)
# A topic that every service could write was split into one for each service. The two names of the shared topics are at
# their second major version: readers of an old name cannot tell its present writer's messages from those of others.
ACCESSES: dict[Service, Topic] = {
    service: Topic(
        f"{service}.accesses.{'v2' if service == 'audit' else 'v1'}",
        service,
        "facts",
        (audit.AccessRecorded, audit.OperatorActed, *((identity.ClientAdministered,) if service == "identity" else ())),
        f"Reads, refusals at the door, changes of state and operators' acts in {service}, for the ledger.",
        retention=FACTS_KEPT,
        local_partitions=2,
    )
    for service in SERVICES
}
ERASURE_ACKNOWLEDGEMENTS: dict[Service, Topic] = {
    service: Topic(
        f"{service}.erasure-acknowledgements.{'v2' if service == 'identity' else 'v1'}",
        service,
        "facts",
        (identity.ErasureAcknowledged,),
        f"The word of {service} that it holds nothing of an erased record any more.",
        retention=FACTS_KEPT,
        national_partitions=6,
        local_partitions=1,
    )
    for service in SERVICES
}
FORMER_ACCESSES = Topic(
    "audit.accesses.v1",
    "audit",
    "facts",
    (audit.AccessRecorded,),
    "Retired: accesses as every service reported them.",
    retention=FACTS_KEPT,
    former_writers=frozenset(SERVICES),
)
FORMER_ACKNOWLEDGEMENTS = Topic(
    "identity.erasure-acknowledgements.v1",
    "identity",
    "facts",
    (identity.ErasureAcknowledged,),
    "Retired: acknowledgements as every service sent them.",
    retention=FACTS_KEPT,
    former_writers=frozenset(SERVICES),
)

TOPICS: tuple[Topic, ...] = (
    *(IDENTITY_RECORDS, IDENTITY_PEOPLE, IDENTITY_CONTACTS, IDENTITY_PROFESSIONALS, IDENTITY_ERASURES),
    *(IDENTITY_ENDED_SESSIONS, IDENTITY_CLIENTS, IDENTITY_PEOPLE_TO_CALL),
    *(RECORDS_DOCUMENTS, RECORDS_COPIES, RECORDS_COLLECTED_CONSENTS, RECORDS_HISTORIES),
    *(CONSENT_STATES, CONSENT_DECISIONS, CONSENT_MATRICES),
    AUDIT_ENTRIES,
    *(NOTIFY_REQUESTS, NOTIFY_ALERTS),
    INSURANCE_REIMBURSEMENTS,
    *ACCESSES.values(),
    *ERASURE_ACKNOWLEDGEMENTS.values(),
    *(FORMER_ACCESSES, FORMER_ACKNOWLEDGEMENTS),
)

IDENTITY_COPY_ACKNOWLEDGEMENTS = Group("identity.copy-acknowledgements", (RECORDS_COPIES,), "Openings in force.")
IDENTITY_ACKNOWLEDGED_ERASURES = Group(
    "identity.acknowledged-erasures", (*ERASURE_ACKNOWLEDGEMENTS.values(), FORMER_ACKNOWLEDGEMENTS), "Ends erasures."
)
RECORDS_ERASURES = Group("records.erasures", (IDENTITY_ERASURES,), "Destroys what records holds of a record.")
CONSENT_ERASURES = Group("consent.erasures", (IDENTITY_ERASURES,), "Destroys what consent holds of a record.")
AUDIT_ERASURES = Group("audit.erasures", (IDENTITY_ERASURES,), "Destroys what can be read of a record in the ledger.")
NOTIFY_ERASURES = Group("notify.erasures", (IDENTITY_ERASURES,), "Destroys what notify holds of a record.")
RECORDS_ENDED_SESSIONS, CONSENT_ENDED_SESSIONS, AUDIT_ENDED_SESSIONS, NOTIFY_ENDED_SESSIONS = (
    Group(f"{service}.ended-sessions", (IDENTITY_ENDED_SESSIONS,), "Sessions whose tokens change nothing any more.")
    for service in ("records", "consent", "audit", "notify")
)
RECORDS_RECORD_COPIES = Group("records.record-copies", (IDENTITY_RECORDS,), "Copy of the records' states.")
RECORDS_CONSENT_COPIES = Group("records.consent-copies", (CONSENT_STATES,), "Copy of the persons' choices.")
RECORDS_PEOPLE_COPIES = Group("records.people-copies", (IDENTITY_PEOPLE,), "Copy of who may act for a holder.")
RECORDS_MATRIX_COPIES = Group("records.matrix-copies", (CONSENT_MATRICES,), "Copy of the matrices.")
RECORDS_PROFESSION_COPIES = Group("records.profession-copies", (IDENTITY_PROFESSIONALS,), "Professions, for what-if.")
RECORDS_CALL_COPIES = Group("records.call-copies", (IDENTITY_PEOPLE_TO_CALL,), "Copy of whom to call.")
RECORDS_CLIENT_COPIES = Group("records.client-copies", (IDENTITY_CLIENTS,), "Who sends messages over MLLP.")
RECORDS_DEPOSIT_DECISIONS = Group("records.deposit-decisions", (CONSENT_DECISIONS,), "Publishes or refuses.")
RECORDS_DEPOSIT_TRACKING = Group("records.deposit-tracking", (AUDIT_ENTRIES, NOTIFY_ALERTS), "Tracks deposits.")
RECORDS_REIMBURSEMENT_FEED = Group("records.reimbursement-feed", (INSURANCE_REIMBURSEMENTS,), "Reimbursements.")
RECORDS_FACT_EXTRACTION = Group("records.fact-extraction", (RECORDS_DOCUMENTS,), "Reads the facts.", "extract")
CONSENT_RECORD_COPIES = Group("consent.record-copies", (IDENTITY_RECORDS,), "Announces the state of a new record.")
CONSENT_PEOPLE_COPIES = Group("consent.people-copies", (IDENTITY_PEOPLE,), "Who acts for a person; médecin traitant.")
CONSENT_DIRECTORY_COPIES = Group("consent.directory-copies", (IDENTITY_PROFESSIONALS,), "Whom an identifier names.")
CONSENT_PROFESSIONAL_COPIES = Group("consent.professional-copies", (IDENTITY_PROFESSIONALS,), "Names, to search.")
CONSENT_DEPOSIT_CHECKS = Group("consent.deposit-checks", (RECORDS_DOCUMENTS,), "Decides deposits.")
CONSENT_COLLECTED_CONSENTS = Group("consent.collected-consents", (RECORDS_COLLECTED_CONSENTS,), "Judges consents.")
CONSENT_COPY_ACKNOWLEDGEMENTS = Group("consent.copy-acknowledgements", (RECORDS_COPIES,), "Rights in force.")
AUDIT_LEDGER = Group(
    "audit.ledger",
    (*ACCESSES.values(), RECORDS_DOCUMENTS, CONSENT_DECISIONS, NOTIFY_ALERTS, FORMER_ACCESSES),
    "Writes the ledger.",
)
AUDIT_PROFESSIONAL_COPIES = Group("audit.professional-copies", (IDENTITY_PROFESSIONALS,), "Names for the list.")
AUDIT_RECORD_COPIES = Group("audit.record-copies", (IDENTITY_RECORDS,), "Which are closed or linked.")
AUDIT_PEOPLE_COPIES = Group("audit.people-copies", (IDENTITY_PEOPLE,), "Who represents a holder.")
NOTIFY_CONTACT_COPIES = Group("notify.contact-copies", (IDENTITY_CONTACTS,), "Where persons are notified.")
NOTIFY_DOCUMENT_ALERTS = Group("notify.document-alerts", (RECORDS_DOCUMENTS,), "Alerts for new documents.")
READINGS = (ACCESSES["records"], FORMER_ACCESSES)
NOTIFY_CONSULTATION_ALERTS = Group("notify.consultation-alerts", READINGS, "Alerts for consultations.")
NOTIFY_EMERGENCY_ALERTS = Group("notify.emergency-alerts", READINGS, "Alerts for emergencies.")
NOTIFY_HISTORY_ALERTS = Group("notify.history-alerts", (RECORDS_HISTORIES,), "Alerts for first fillings.")
NOTIFY_MESSAGES = Group("notify.messages", (NOTIFY_REQUESTS,), "Codes, notices and letters to be sent.")

GROUPS: tuple[Group, ...] = (
    *(IDENTITY_COPY_ACKNOWLEDGEMENTS, IDENTITY_ACKNOWLEDGED_ERASURES),
    *(RECORDS_ERASURES, RECORDS_RECORD_COPIES, RECORDS_CONSENT_COPIES, RECORDS_PEOPLE_COPIES),
    *(RECORDS_MATRIX_COPIES, RECORDS_PROFESSION_COPIES, RECORDS_CLIENT_COPIES, RECORDS_CALL_COPIES),
    *(RECORDS_DEPOSIT_DECISIONS, RECORDS_DEPOSIT_TRACKING, RECORDS_REIMBURSEMENT_FEED, RECORDS_FACT_EXTRACTION),
    *(CONSENT_ERASURES, CONSENT_RECORD_COPIES, CONSENT_PEOPLE_COPIES, CONSENT_DEPOSIT_CHECKS),
    *(CONSENT_COPY_ACKNOWLEDGEMENTS, CONSENT_DIRECTORY_COPIES, CONSENT_COLLECTED_CONSENTS, CONSENT_PROFESSIONAL_COPIES),
    *(AUDIT_ERASURES, AUDIT_LEDGER, AUDIT_PROFESSIONAL_COPIES, AUDIT_RECORD_COPIES, AUDIT_PEOPLE_COPIES),
    *(NOTIFY_ERASURES, NOTIFY_CONTACT_COPIES, NOTIFY_DOCUMENT_ALERTS, NOTIFY_CONSULTATION_ALERTS),
    *(NOTIFY_EMERGENCY_ALERTS, NOTIFY_HISTORY_ALERTS, NOTIFY_MESSAGES),
    *(RECORDS_ENDED_SESSIONS, CONSENT_ENDED_SESSIONS, AUDIT_ENDED_SESSIONS, NOTIFY_ENDED_SESSIONS),
)
