"""The composition root of audit: builds the API and the worker."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Final

from fastapi import FastAPI

from services.audit.accesses import api as accesses_api
from services.audit.consumers import subscriptions
from services.audit.copies.store import COPIES
from services.audit.emergencies import api as emergencies_api
from services.audit.emergencies import pages as emergency_pages
from services.audit.explanations import api as explanations_api
from services.audit.explanations.pages import history as history_pages
from services.audit.ledger.adapters import MotiveVault, transport_keys
from services.audit.ledger.store import remove_visibilities
from services.audit.loops import PartitionMaintainer, open_late_motives
from services.audit.replay import api as replay_api
from services.audit.settings import Settings
from shared.access.decide import reasons_of
from shared.crypto.keyring import Keyring
from shared.crypto.signatures import SignatureKeys
from shared.crypto.vault import Vault
from shared.erasure.erased_records import ErasureFinisher
from shared.http.app import make_app, serving
from shared.http.dependencies import provide
from shared.http.described import read_api_texts
from shared.http.issuer_keys import Keys
from shared.http.problems import problem
from shared.messaging.outbox.recovery import Recovery
from shared.runtime.metrics import STEP_SECONDS, start_at_zero, start_refusals
from shared.service.worker import Loop, Plan, make_worker_app
from shared.web.pages import Pages

LARGEST_BODY = 16 * 1024
REFUSALS: Final = {
    **dict.fromkeys(("list-accesses", "list-emergencies"), reasons_of("read-access-list")),
    "explain-decision": ("not-told", *reasons_of("read-access-list")),
}
"""The refusals that this service counts, by action."""


def make_api(settings: Settings) -> FastAPI:
    """Builds the API: who did what with a record, and why."""
    motives, keys = make_motive_vault(settings), SignatureKeys.parse(settings.keys.signatures.get_secret_value())

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with serving(app, settings, "audit"):
            provide(app, motives, keys)
            yield

    pages = Pages("audit", ["explanations", "emergencies"])
    app = make_app(
        read_api_texts("services.audit"),
        lifespan=lifespan,
        body_limit=min(settings.http.body_limit, LARGEST_BODY),
        render=pages.errors(problem),
    )
    pages.install(app)
    for room in (accesses_api, explanations_api, emergencies_api, replay_api, history_pages, emergency_pages):
        app.include_router(room.router)
    start_refusals(REFUSALS)
    return app


def make_worker(settings: Settings) -> FastAPI:
    """Builds the worker: it writes the ledger, and keeps copies of public names."""
    start_at_zero(STEP_SECONDS, ["audited"])
    return make_worker_app(make_plan(settings), settings)


def make_motive_vault(settings: Settings) -> MotiveVault:
    """Builds the vault that opens and stores the motives of emergencies, and the reasons of acknowledgements."""
    keys = settings.keys
    reasons = keys.reasons.get_secret_value() if keys.reasons is not None else None
    sent = transport_keys(keys.motives.get_secret_value(), reasons)
    return MotiveVault(sent, Vault(Keyring.parse(settings.keys.kek.get_secret_value())))


def make_plan(settings: Settings, keys: Keys | None = None) -> Plan:
    """Returns the worker's subscriptions and loops."""
    motives = make_motive_vault(settings)
    loops: dict[str, Loop] = {
        "late-motives": partial(open_late_motives, motives=motives),
        "ledger-partitions": PartitionMaintainer().run_once,
        "finish-erasures": ErasureFinisher("audit", remove_visibilities).round,
    }
    return Plan("audit", subscriptions(motives), loops, keys, Recovery(copies=COPIES))
