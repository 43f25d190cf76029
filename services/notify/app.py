"""Composition root: the only place where notify's parts are constructed."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from services.notify import api, loops
from services.notify.consumers import subscriptions
from services.notify.settings import Settings
from shared.http.app import make_app, serving
from shared.http.tokens import Keys
from shared.worker import Plan, make_worker_app


def make_api(settings: Settings, keys: Keys | None = None) -> FastAPI:
    """The HTTP API. `keys`: where the issuer's public keys come from, if not from the issuer."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with serving(app, settings, "notify", keys):
            yield

    app = make_app(
        title="notify",
        summary="What a person is told, how and when.",
        lifespan=lifespan,
        body_limit=min(settings.http.body_limit, 64 * 1024),
    )
    app.include_router(api.router)
    return app


def make_plan(settings: Settings, keys: Keys | None = None) -> Plan:
    """What the worker does."""
    keyring = settings.contacts_keyring
    senders = loops.Senders(settings.smtp, keyring, loops.Wake(settings.postgres.dsn.get_secret_value()))
    return Plan("notify", subscriptions(keyring), loops={"senders": senders.round, "forget": loops.forget}, keys=keys)


def make_worker(settings: Settings) -> FastAPI:
    """Consumers, relay, senders."""
    return make_worker_app(make_plan(settings), settings)
