"""The composition root of consent: builds the API, the worker and the recovery."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from services.consent.api import choices, consents, matrices
from services.consent.api.changes import render_version_differs
from services.consent.consumers import subscriptions
from services.consent.domain.states import VersionDiffersError
from services.consent.in_force_notifier import InForceNotifier
from services.consent.settings import Settings
from services.consent.store import states
from services.consent.usecases.adopt_states import adopt_states
from services.consent.usecases.name_in_full import name_in_full
from shared.erasure.erased_records import ErasureFinisher
from shared.http.app import make_app, serving
from shared.http.outcomes import render
from shared.http.tokens import Keys
from shared.messaging.outbox.recovery import Recovery
from shared.service.worker import Loop, Plan, make_worker_app

LARGEST_BODY = 512 * 1024
"""In bytes. The largest body is a matrix of all professions and document types."""


def make_api(settings: Settings) -> FastAPI:
    """Builds the API, through which the choices about a record are read and changed."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.occupational_medicine = settings.parameters.occupational_medicine
        app.state.in_force = InForceNotifier(settings.postgres.dsn.get_secret_value())
        async with serving(app, settings, "consent"), app.state.in_force.listening():
            yield

    app = make_app(
        title="Consent",
        summary="Who may read a record, and who may deposit in it.",
        lifespan=lifespan,
        body_limit=min(settings.http.body_limit, LARGEST_BODY),
        render=render,
    )
    app.add_exception_handler(VersionDiffersError, render_version_differs)
    for router in (choices.router, consents.router, matrices.router):
        app.include_router(router)
    return app


def make_worker(settings: Settings) -> FastAPI:
    """Builds the worker: it announces the states of new records, decides deposits and notes which version is in
    force."""
    return make_worker_app(make_plan(masked_and_invisible=settings.parameters.masked_and_invisible), settings)


def make_recovery(_: Settings) -> Recovery:
    """Returns how consent recovers lost commits: it adopts the states that the topic holds."""
    return Recovery(adopt=adopt_states)


def make_plan(keys: Keys | None = None, *, masked_and_invisible: bool = False) -> Plan:
    """Returns the worker's subscriptions, loops and recovery."""
    loops: dict[str, Loop] = {
        "finish-erasures": ErasureFinisher("consent", states.remove_changes).round,
        "name-in-full": name_in_full,
    }
    return Plan(
        "consent",
        subscriptions(masked_and_invisible=masked_and_invisible),
        loops,
        keys,
        Recovery(adopt=adopt_states),
    )
