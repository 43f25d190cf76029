"""Composition root of records: builds the HTTP app and the worker from the settings."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import Final

from fastapi import FastAPI

from services.records.business_acknowledgements.adapters import MllpSender, client_tls
from services.records.consumers import subscriptions
from services.records.copies.store.matrices import MatrixCache
from services.records.deposits.api import cda, deposits, personal, xdm
from services.records.deposits.domain.submissions import RecordUnknownError
from services.records.documents.api import changes, fhir
from services.records.facts.context import ReadContext
from services.records.facts.domain.rules import FactsRules
from services.records.hl7v2.context import Hl7v2Context, Hl7v2Rules, ListenerRules
from services.records.hl7v2.domain.form import MessageKind
from services.records.hl7v2.listener import Listener
from services.records.kit.bodies import LargeBodyLimit
from services.records.kit.metrics import BUSINESS_ACKNOWLEDGEMENTS, MESSAGES
from services.records.kit.operation_outcomes import render
from services.records.loops import loops
from services.records.record_check import api as record_check
from services.records.recovery import api as recovery
from services.records.recovery.steps import recover_documents
from services.records.settings import Settings
from services.records.tracking import api as tracking
from services.records.what_if import api as what_if
from shared.access.decide import reasons_of
from shared.crypto.keyring import Keyring
from shared.crypto.vault import Vault
from shared.db.pool import ANSWER, Pool, create_pool
from shared.errors import CodedError
from shared.hl7v2.acknowledgement import Outcome
from shared.http.app import make_app, metrics, serving
from shared.http.dependencies import provide
from shared.http.described import ApiTexts, read_api_texts
from shared.http.issuer_keys import Keys
from shared.messaging.outbox.recovery import Recovery
from shared.runtime.metrics import STEP_SECONDS, start_at_zero, start_refusals
from shared.service.worker import Plan, make_worker_app

REFUSALS: Final = {
    **dict.fromkeys(("find-documents", "check-record"), reasons_of("find")),
    "read-document": reasons_of("read"),
    "deposit-document": (RecordUnknownError.code, *reasons_of("deposit"), *reasons_of("replace")),
    "label-document": reasons_of("label"),
    "archive-document": reasons_of("archive"),
    "delete-document": reasons_of("delete"),
    "ask-what-if": reasons_of("change-rights"),
}
"""The refusals that this service counts, by action."""


def make_api(settings: Settings, keys: Keys | None = None) -> FastAPI:
    """Returns the HTTP API. `keys` replaces identity's published keys in tests."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with serving(app, settings, "records", keys):
            large = LargeBodyLimit(settings.http.body_limit)
            provide(app, _read_context(app.state.pool, settings), _ins_hmac(settings), large)
            yield

    app = make_app(
        read_api_texts("services.records"),
        lifespan=lifespan,
        body_limit=settings.http.body_limit,
        render=render,
    )
    for module in (changes, deposits, cda, xdm, personal, fhir, record_check, tracking, recovery, what_if):
        app.include_router(module.router)
    start_refusals(REFUSALS)
    return app


def make_worker(settings: Settings, keys: Keys | None = None) -> FastAPI:
    """Returns the worker: the consumers and the outbox relay."""
    start_refusals({"deposit-document": REFUSALS["deposit-document"]})
    start_at_zero(STEP_SECONDS, ["published", "audited"])
    start_at_zero(BUSINESS_ACKNOWLEDGEMENTS, ["sent", "deferred", "failed"])
    return make_worker_app(make_plan(settings, keys), settings)


def make_plan(settings: Settings, keys: Keys | None = None) -> Plan:
    """Returns the subscriptions and loops of the worker."""
    mllp = settings.mllp
    sender = MllpSender(partial(client_tls, mllp.client_authorities, mllp.certificate, mllp.key))
    return Plan("records", subscriptions(_vault(settings)), loops(sender), keys, make_recovery(settings))


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
    rules = Hl7v2Rules(mllp.processing_ids, timedelta(seconds=mllp.max_clients_age_s))
    address = ListenerRules(
        mllp.host, mllp.port, mllp.max_connections, limit, mllp.certificate, mllp.key, mllp.client_authorities
    )

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        pool = await create_pool(settings.postgres, application="records-mllp", limits=ANSWER)
        app.state.pool = pool
        context = Hl7v2Context(_read_context(pool, settings), _ins_hmac(settings), rules)
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
    return Recovery(apply_facts=recover_documents)


def _vault(settings: Settings) -> Vault:
    return Vault(Keyring.parse(settings.keys.kek.get_secret_value()))


def _ins_hmac(settings: Settings) -> Keyring:
    return Keyring.parse(settings.keys.ins_hmac.get_secret_value())


def _read_context(pool: Pool, settings: Settings) -> ReadContext:
    rules = FactsRules(timedelta(seconds=settings.freshness.limit_s), **settings.parameters.model_dump())
    return ReadContext(pool, _vault(settings), MatrixCache(), rules)
