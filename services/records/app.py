"""Composition root of records: builds the HTTP app and the worker from the settings."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from fastapi import FastAPI

from services.records.api import changes, deposits, fhir, personal, record_check, tracking, what_if
from services.records.api.bodies import LargeBodyLimit
from services.records.api.context import AppContext
from services.records.api.outcomes import render
from services.records.consumers import subscriptions
from services.records.domain.parameters import Parameters
from services.records.settings import Settings
from services.records.store.erasure import remove_deposits
from services.records.usecases.recover_documents import recover_documents
from shared.crypto.keyring import Keyring
from shared.crypto.vault import Vault
from shared.erasure.erased_records import ErasureFinisher
from shared.http.app import make_app, serving
from shared.http.tokens import Keys
from shared.messaging.outbox.recovery import Recovery
from shared.service.worker import Loop, Plan, make_worker_app


def make_api(settings: Settings, keys: Keys | None = None) -> FastAPI:
    """Returns the HTTP API. `keys` replaces identity's published keys in tests."""
    context = AppContext(
        ins_hmac=Keyring.parse(settings.keys.ins_hmac.get_secret_value()),
        vault=_vault(settings),
        max_copy_age=timedelta(seconds=settings.freshness.limit_s),
        parameters=Parameters(**settings.parameters.model_dump()),
    )

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.context = context
        app.state.large_bodies = LargeBodyLimit()
        async with serving(app, settings, "records", keys):
            yield

    app = make_app(
        title="records",
        summary="Documents: deposit, tracking, search and retrieval (FHIR R4, PDSm).",
        lifespan=lifespan,
        body_limit=settings.http.body_limit,
        render=render,
    )
    for module in (changes, deposits, personal, fhir, record_check, tracking, what_if):
        app.include_router(module.router)
    return app


def make_worker(settings: Settings, keys: Keys | None = None) -> FastAPI:
    """Returns the worker: the consumers and the outbox relay."""
    return make_worker_app(make_plan(settings, keys), settings)


def make_plan(settings: Settings, keys: Keys | None = None) -> Plan:
    """Returns the subscriptions and loops of the worker."""
    loops: dict[str, Loop] = {"finish-erasures": ErasureFinisher("records", remove_deposits).round}
    return Plan("records", subscriptions(_vault(settings)), loops, keys, make_recovery(settings))


def make_recovery(_: Settings) -> Recovery:
    """Returns the recovery from lost commits: labels and lives of documents are restored from the topic of records."""
    return Recovery(apply_facts=recover_documents)


def _vault(settings: Settings) -> Vault:
    return Vault(Keyring.parse(settings.keys.kek.get_secret_value()))
