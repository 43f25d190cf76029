"""The composition root of consent: the only file that constructs things."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from services.consent import store
from services.consent.api import router
from services.consent.consumers import subscriptions
from services.consent.settings import Settings
from shared.erasing import Finisher
from shared.http.app import make_app, serving
from shared.http.tokens import Keys
from shared.worker import Loop, Plan, make_worker_app

LARGEST_BODY = 16 * 1024


def make_api(settings: Settings) -> FastAPI:
    """The API: a patient sees and changes the choices about the own record."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with serving(app, settings, "consent"):
            yield

    app = make_app(
        title="Consent",
        summary="Who may read a record, and who may deposit in it.",
        lifespan=lifespan,
        body_limit=min(settings.http.body_limit, LARGEST_BODY),
    )
    app.include_router(router)
    return app


def make_worker(settings: Settings) -> FastAPI:
    """The worker: announces new records' states, decides deposits, remembers what is in force."""
    return make_worker_app(make_plan(), settings)


def make_plan(keys: Keys | None = None) -> Plan:
    """What the worker does."""
    loops: dict[str, Loop] = {"finish-erasures": Finisher("consent", store.remove_changes).round}
    return Plan("consent", subscriptions(), loops, keys)
