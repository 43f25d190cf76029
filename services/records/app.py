"""Composition root of records: builds the HTTP app and the worker from the settings."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Final, get_args

from fastapi import FastAPI

from services.records.business_acknowledgements.adapters import MllpSender, client_tls
from services.records.certificates.context import CertificateContext
from services.records.certificates.domain.health_card import CardIssuer
from services.records.certificates.steps.changed_doses import revoke_changed_doses
from services.records.clinical_facts.adapters.extractor import Extractor
from services.records.clinical_facts.context import ExtractionContext
from services.records.consumers import extraction, subscriptions
from services.records.copies.store.matrices import MatrixCache
from services.records.copies.store.versions import COPIES
from services.records.deposits.domain.submissions import RecordUnknownError
from services.records.deposits.usecases.quarantine_doors import CDA, FHIR, XDM, cda_door, fhir_door, xdm_door
from services.records.exports.context import ExportContext
from services.records.exports.usecases.prepare_exports import PrepareExports
from services.records.facts.context import ReadContext
from services.records.facts.domain.documents import StoredFactsState
from services.records.facts.domain.rules import FactsRules
from services.records.hl7v2.context import Hl7v2Context, Hl7v2Rules, ListenerRules
from services.records.hl7v2.domain.envelopes import HL7V2
from services.records.hl7v2.domain.form import MessageKind
from services.records.hl7v2.listener import Listener
from services.records.hl7v2.usecases.quarantine_door import hl7v2_door
from services.records.kit.bodies import LargeBodyLimit
from services.records.kit.issuer_keys import IssuerKeys
from services.records.kit.keys import ORGANISATION_KEY, make_keys
from services.records.kit.metrics import (
    BUSINESS_ACKNOWLEDGEMENTS,
    EXPORTS,
    EXTRACTIONS,
    MESSAGES,
    QUARANTINE_ACTS,
    QUARANTINED,
)
from services.records.kit.operation_outcomes import render
from services.records.loops import extraction_loops, loops
from services.records.medicines.steps.reference_tables import InteractionCache
from services.records.quarantine.context import QuarantineContext
from services.records.quarantine.domain.rules import QuarantineRules
from services.records.quarantine.steps.keep_refused import Kept
from services.records.quarantine.steps.open_submission import Act
from services.records.recovery.steps import recover_documents
from services.records.recovery.store import find_missing
from services.records.reimbursements.domain.versions import Effect
from services.records.reimbursements.steps.arrivals import Dropped, FillContext
from services.records.reimbursements.steps.open_history import HistoryRules
from services.records.reimbursements.usecases.import_file import ReimbursementImporter
from services.records.routes import PAGE_ROUTERS, ROOMS_WITH_PAGES, ROUTERS
from services.records.settings import ImportSettings, Settings
from services.records.warnings.context import WarningContext
from shared.access.decide import reasons_of
from shared.crypto.keyring import Keyring
from shared.crypto.signatures import SignatureKeys
from shared.crypto.vault import Vault
from shared.db.migrate import required_migrations
from shared.db.pool import ANSWER, Pool, create_pool
from shared.errors import CodedError
from shared.hl7v2.acknowledgement import Outcome
from shared.http.app import make_app, metrics, serving
from shared.http.dependencies import provide
from shared.http.described import ApiTexts, read_api_texts
from shared.http.issuer_keys import Keys
from shared.messaging.outbox.recovery import Recovery
from shared.runtime.metrics import REIMBURSEMENT_LINES, STEP_SECONDS, start_at_zero, start_refusals
from shared.service.consumer_app import make_consumer_app
from shared.service.worker import Plan, make_worker_app
from shared.web.pages import Pages

REFUSALS: Final = {
    **dict.fromkeys(("find-documents", "check-record"), reasons_of("find")),
    "read-document": reasons_of("read"),
    "export-record": reasons_of("export"),
    "read-reimbursements": reasons_of("read-reimbursements"),
    "read-summary": reasons_of("read-summary"),
    "confirm-summary": reasons_of("confirm-summary"),
    "deposit-document": (RecordUnknownError.code, *reasons_of("deposit"), *reasons_of("replace")),
    "label-document": reasons_of("label"),
    "archive-document": reasons_of("archive"),
    "delete-document": reasons_of("delete"),
    "ask-what-if": reasons_of("change-rights"),
    "read-measures": reasons_of("find"),
    "add-measure": reasons_of("deposit"),
    "correct-measure": reasons_of("replace"),
    "delete-measure": reasons_of("delete"),
    "issue-certificate": reasons_of("certify"),
}
"""The refusals that this service counts, by action."""
EXTRACTED_AT_ONCE: Final = 32
"""Messages that the extracting process takes at most at once: a transaction waits until their documents are read."""


def make_api(settings: Settings, keys: Keys | None = None) -> FastAPI:
    """Returns the HTTP API. `keys` replaces identity's published keys in tests."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with serving(app, settings, "records", keys):
            read, large = _read_context(app.state.pool, settings), LargeBodyLimit(settings.http.body_limit)
            issuing = CertificateContext(_card_issuer(settings), _ins_hmac(settings))
            history_rules, exports = HistoryRules(settings.reimbursements.months), _exports(read, settings)
            quarantined, warning = _quarantine(read, settings), _warnings(settings)
            provide(app, read, _ins_hmac(settings), large, quarantined, history_rules, issuing, exports, warning)
            yield

    pages = Pages("records", ROOMS_WITH_PAGES)
    app = make_app(
        read_api_texts("services.records"),
        lifespan=lifespan,
        body_limit=settings.http.body_limit,
        render=pages.errors(render),
    )
    pages.install(app)
    for router in (*ROUTERS, *PAGE_ROUTERS):
        app.include_router(router)
    start_refusals(REFUSALS)
    return app


def make_worker(settings: Settings, keys: Keys | None = None) -> FastAPI:
    """Returns the worker: the consumers and the outbox relay."""
    start_refusals({"deposit-document": REFUSALS["deposit-document"]})
    start_at_zero(STEP_SECONDS, ["published", "audited"])
    start_at_zero(BUSINESS_ACKNOWLEDGEMENTS, ["sent", "deferred", "failed"])
    start_at_zero(REIMBURSEMENT_LINES, [*get_args(Effect), *get_args(Dropped)])
    start_at_zero(EXPORTS, ["expired"])
    return make_worker_app(make_plan(settings, keys), settings)


def make_plan(settings: Settings, keys: Keys | None = None) -> Plan:
    """Returns the subscriptions and loops of the worker; the messages of the extracting process it only redrives."""
    mllp = settings.mllp
    sender = MllpSender(partial(client_tls, mllp.client_authorities, mllp.certificate, mllp.key))

    def quarantine_of(pool: Pool) -> QuarantineContext:
        return _quarantine(_read_context(pool, settings), settings)

    subscribed = subscriptions(_vault(settings), _fill_context(settings), _people_to_call(settings))
    own = loops(sender, quarantine_of, settings.reimbursements.months, _vault(settings))
    elsewhere = [extraction(_extraction_context(settings))]
    return Plan("records", subscribed, own, keys, make_recovery(settings), elsewhere)


def make_extract(settings: Settings) -> FastAPI:
    """Returns the process that reads documents where nobody waits: their facts after publication, and for copies."""
    context = _extraction_context(settings)
    exports = PrepareExports(lambda pool: _exports(_read_context(pool, settings), settings))
    start_at_zero(EXTRACTIONS, get_args(StoredFactsState))
    start_at_zero(EXPORTS, ["ready", "refused", "failed"])
    plan = Plan("records", [extraction(context)], extraction_loops(context, exports))
    most = min(settings.kafka.max_poll_records, EXTRACTED_AT_ONCE)
    kafka = settings.kafka.model_copy(update={"max_poll_records": most})
    return make_consumer_app(plan, settings.model_copy(update={"kafka": kafka}), "extract", context.extractor.stop)


def make_mllp(settings: Settings) -> FastAPI:
    """Returns the MLLP process: it listens for HL7 v2 messages, and answers /livez, /readyz and /metrics by HTTP.

    Raises CodedError without TLS, unless the settings allow it.
    """
    mllp, limit = settings.mllp, settings.http.body_limit
    if mllp.certificate is None and not mllp.plaintext:
        raise CodedError(
            "RECORDS_MLLP__CERTIFICATE, __KEY and __CLIENT_AUTHORITIES are needed; on loopback, for a demonstration, "
            "RECORDS_MLLP__PLAINTEXT=true"
        )
    address = ListenerRules(
        mllp.host,
        mllp.port,
        mllp.max_connections,
        limit,
        mllp.certificate,
        mllp.key,
        mllp.client_authorities,
        mllp.max_connection_age_s,
    )

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        pool = await create_pool(settings.postgres, application="records-mllp", limits=ANSWER)
        app.state.pool, app.state.required_migrations = pool, required_migrations("records")
        read = _read_context(pool, settings)
        context = replace(_hl7v2(read, settings), quarantine=_quarantine(read, settings))
        try:
            async with Listener(context, address).serving():
                yield
        finally:
            pool.terminate()

    start_at_zero(MESSAGES, [kind.value for kind in MessageKind], [outcome.value for outcome in Outcome])
    app = make_app(ApiTexts("records MLLP", "Health.", ""), lifespan=lifespan, body_limit=limit)
    app.add_api_route("/metrics", metrics, include_in_schema=False)
    return app


def make_recovery(_: Settings) -> Recovery:
    """Returns the recovery from lost commits: labels and lives of documents are restored from the topic of records."""
    return Recovery(apply_facts=recover_documents, copies=COPIES, find_missing=find_missing)


def make_importer(settings: Settings | ImportSettings) -> ReimbursementImporter:
    """Returns the importer of files of reimbursements."""
    return ReimbursementImporter(settings.postgres, make_keys(settings.keys).rings, _fill_context(settings))


def _fill_context(settings: Settings | ImportSettings) -> FillContext:
    ins_hmac = Keyring.parse(settings.keys.ins_hmac.get_secret_value())
    insurance = Keyring.parse(settings.keys.insurance.get_secret_value())
    return FillContext(_vault(settings), ins_hmac, insurance, settings.reimbursements.months)


def _extraction_context(settings: Settings) -> ExtractionContext:
    return ExtractionContext(_vault(settings), _ins_hmac(settings), Extractor(), revoke_changed_doses)


def _vault(settings: Settings | ImportSettings) -> Vault:
    return Vault(Keyring.parse(settings.keys.kek.get_secret_value()))


def _people_to_call(settings: Settings) -> Keyring:
    return Keyring.parse(settings.keys.people_to_call.get_secret_value())


def _ins_hmac(settings: Settings) -> Keyring:
    return Keyring.parse(settings.keys.ins_hmac.get_secret_value())


def _warnings(settings: Settings) -> WarningContext:
    ring = settings.keys.reasons if settings.warnings.enabled else None
    reasons = None if ring is None else Keyring.parse(ring.get_secret_value())
    return WarningContext(reasons, InteractionCache(), _ins_hmac(settings))


def _card_issuer(settings: Settings) -> CardIssuer | None:
    """Returns the issuer of certificates; None where the settings name none."""
    url, keys = settings.certificates.issuer, settings.keys.certificates
    return None if url is None or keys is None else CardIssuer(url, IssuerKeys.parse(keys.get_secret_value()))


def _read_context(pool: Pool, settings: Settings) -> ReadContext:
    rules = FactsRules(timedelta(seconds=settings.freshness.limit_s), **settings.parameters.model_dump())
    return ReadContext(pool, _vault(settings), MatrixCache(), rules)


def _exports(read: ReadContext, settings: Settings) -> ExportContext:
    return ExportContext(read, SignatureKeys.parse(settings.keys.signatures.get_secret_value()))


def _hl7v2(read: ReadContext, settings: Settings) -> Hl7v2Context:
    mllp = settings.mllp
    rules = Hl7v2Rules(mllp.processing_ids, timedelta(seconds=mllp.max_clients_age_s))
    return Hl7v2Context(read, _ins_hmac(settings), rules)


def _quarantine(read: ReadContext, settings: Settings) -> QuarantineContext:
    """Returns the context of quarantine, with every door whose refused submissions it keeps."""
    ring, limits = _ins_hmac(settings), settings.quarantine
    rules = QuarantineRules(
        timedelta(days=limits.days),
        limits.unknown,
        timedelta(days=limits.unknown_days),
        limits.max_submissions,
        limits.max_bytes,
    )
    doors = {
        FHIR: fhir_door(read, ring),
        CDA: cda_door(read, ring),
        XDM: xdm_door(read, ring, settings.http.body_limit),
        HL7V2: hl7v2_door(_hl7v2(read, settings)),
    }
    start_at_zero(QUARANTINED, doors, [*get_args(Kept), "failed"])
    start_at_zero(QUARANTINE_ACTS, get_args(Act))
    keys = Vault(Keyring.parse(settings.keys.kek.get_secret_value()), ORGANISATION_KEY)
    return QuarantineContext(read.pool, keys, ring, rules, doors)
