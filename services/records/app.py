"""Composition root of records: builds the HTTP app and the worker from the settings."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Final

from fastapi import FastAPI

from services.records.consumers import subscriptions
from services.records.copies.store.matrices import MatrixCache
from services.records.deposits.api import deposits, personal
from services.records.deposits.domain.submissions import RecordUnknownError
from services.records.documents.api import changes, fhir
from services.records.facts.context import ReadContext
from services.records.facts.domain.rules import FactsRules
from services.records.kit.bodies import LargeBodyLimit
from services.records.kit.keys import make_keys
from services.records.kit.operation_outcomes import render
from services.records.loops import loops
from services.records.record_check import api as record_check
from services.records.recovery import api as recovery
from services.records.recovery.steps import recover_documents
from services.records.reimbursements.api import fhir as benefits
from services.records.reimbursements.api import history
from services.records.reimbursements.steps.arrivals import FillContext
from services.records.reimbursements.steps.open_history import HistoryRules
from services.records.reimbursements.usecases.import_file import ReimbursementImporter
from services.records.settings import ImportSettings, Settings
from services.records.tracking import api as tracking
from services.records.what_if import api as what_if
from shared.access.decide import reasons_of
from shared.crypto.keyring import Keyring
from shared.crypto.vault import Vault
from shared.http.app import make_app, serving
from shared.http.dependencies import provide
from shared.http.described import read_api_texts
from shared.http.issuer_keys import Keys
from shared.messaging.outbox.recovery import Recovery
from shared.runtime.metrics import STEP_SECONDS, start_at_zero, start_refusals
from shared.service.worker import Plan, make_worker_app

REFUSALS: Final = {
    **dict.fromkeys(("find-documents", "check-record"), reasons_of("find")),
    "read-document": reasons_of("read"),
    "read-reimbursements": reasons_of("read-reimbursements"),
    "deposit-document": (RecordUnknownError.code, *reasons_of("deposit"), *reasons_of("replace")),
    "label-document": reasons_of("label"),
    "archive-document": reasons_of("archive"),
    "delete-document": reasons_of("delete"),
    "ask-what-if": reasons_of("change-rights"),
}
"""The refusals that this service counts, by action."""


def make_api(settings: Settings, keys: Keys | None = None) -> FastAPI:
    """Returns the HTTP API. `keys` replaces identity's published keys in tests."""
    ins_hmac = Keyring.parse(settings.keys.ins_hmac.get_secret_value())
    rules = FactsRules(timedelta(seconds=settings.freshness.limit_s), **settings.parameters.model_dump())

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with serving(app, settings, "records", keys):
            context = ReadContext(app.state.pool, _vault(settings), MatrixCache(), rules)
            provide(app, context, ins_hmac, LargeBodyLimit(), HistoryRules(settings.reimbursements.months))
            yield

    app = make_app(
        read_api_texts("services.records"),
        lifespan=lifespan,
        body_limit=settings.http.body_limit,
        render=render,
    )
    for module in (changes, deposits, personal, fhir, record_check, tracking, recovery, what_if, history, benefits):
        app.include_router(module.router)
    start_refusals(REFUSALS)
    return app


def make_worker(settings: Settings, keys: Keys | None = None) -> FastAPI:
    """Returns the worker: the consumers and the outbox relay."""
    start_refusals({"deposit-document": REFUSALS["deposit-document"]})
    start_at_zero(STEP_SECONDS, ["published", "audited"])
    return make_worker_app(make_plan(settings, keys), settings)


def make_plan(settings: Settings, keys: Keys | None = None) -> Plan:
    """Returns the subscriptions and loops of the worker."""
    recovery = make_recovery(settings)
    subscribed = subscriptions(_vault(settings), _fill_context(settings))
    return Plan("records", subscribed, loops(settings.reimbursements.months), keys, recovery)


def make_recovery(_: Settings) -> Recovery:
    """Returns the recovery from lost commits: labels and lives of documents are restored from the topic of records."""
    return Recovery(apply_facts=recover_documents)


def make_importer(settings: Settings | ImportSettings) -> ReimbursementImporter:
    """Returns the importer of files of reimbursements."""
    return ReimbursementImporter(settings.postgres, make_keys(settings.keys).rings, _fill_context(settings))


def _fill_context(settings: Settings | ImportSettings) -> FillContext:
    ins_hmac = Keyring.parse(settings.keys.ins_hmac.get_secret_value())
    insurance = Keyring.parse(settings.keys.insurance.get_secret_value())
    return FillContext(_vault(settings), ins_hmac, insurance, settings.reimbursements.months)


def _vault(settings: Settings | ImportSettings) -> Vault:
    return Vault(Keyring.parse(settings.keys.kek.get_secret_value()))
