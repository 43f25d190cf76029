"""The metrics of records alone."""

from prometheus_client import Counter, Gauge

MESSAGES = Counter(
    "records_hl7v2_messages_total",
    "HL7 v2 messages by kind and outcome: AA, AE, AR, repeated (answered as the first time), counted (an ACK).",
    ["kind", "outcome"],
)
NOT_FOR_DMP = Counter("records_hl7v2_not_for_dmp_total", "Messages with DESTDMP = N: accepted, nothing kept.")
CONSENTS_WITHOUT_RECORD = Counter(
    "records_hl7v2_consents_without_record_total",
    "ADT messages with collected consents about nobody's open record: accepted, nothing kept.",
)
REUSED_CONTROL_IDS = Counter(
    "records_hl7v2_reused_control_ids_total", "Messages that repeat the MSH-10 of another message of their sender."
)
BUSINESS_ACKNOWLEDGEMENTS = Counter(
    "records_business_acknowledgements_total",
    "Attempts to send a business acknowledgement (ZAM^Z01): sent, deferred (tried again), failed (given up).",
    ["outcome"],
)
QUEUED_BUSINESS_ACKNOWLEDGEMENTS = Gauge(
    "records_queued_business_acknowledgements", "Business acknowledgements in the queue: waiting, or failed.", ["state"]
)
CONNECTIONS = Gauge("records_mllp_connections", "Open MLLP connections.")
EXTRACTIONS = Counter(
    "records_extractions_total",
    "Documents whose facts were read, by outcome: none, read, in-part, unreadable.",
    ["outcome"],
)
OUTDATED_FACTS = Gauge(
    "records_outdated_facts",
    "Documents that an older extractor read, or none yet, and that are read in the background; 10,000 stands for more.",
)
EXPORTS = Counter(
    "records_exports_total",
    "Copies of records by their fate: ready, refused (the right ended), failed, expired, fetched.",
    ["outcome"],
)
QUARANTINED = Counter(
    "records_quarantined_total",
    "Refused submissions that a hospital can mend, by door and by what is kept: body, code (of persons without a "
    "record, or a full quarantine), nothing (overfull), repeated (here already), failed (the database is away).",
    ["door", "kept"],
)
QUARANTINE_ACTS = Counter(
    "records_quarantine_acts_total", "Kept submissions that were shown, corrected, sent again, dropped.", ["act"]
)
UNKNOWN_SECTIONS = Counter(
    "records_unknown_sections_total",
    "Documents shown under the rubric of reports because the table of rubrics does not have their section.",
)
