"""The composition root of consent: builds the API, the worker and the recovery."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Final, get_args

from fastapi import FastAPI

from services.consent.authorisations.api import consents as authorisations
from services.consent.choices.adapters import InForceNotifier
from services.consent.choices.api import changes, choices
from services.consent.choices.api.changer import render_version_differs
from services.consent.choices.context import ChoicesContext
from services.consent.choices.domain.choices import ChangeAction
from services.consent.choices.domain.rules import ChoicesRules
from services.consent.choices.domain.states import VersionDiffersError
from services.consent.choices.pages import access as access_pages
from services.consent.choices.pages import changes as change_pages
from services.consent.choices.steps import adopt_states
from services.consent.choices.usecases.name_in_full import name_in_full
from services.consent.collected_consents.domain import DEFAULT_RULES as COLLECTED_RULES
from services.consent.collected_consents.domain import CollectedConsentsRules
from services.consent.consumers import subscriptions
from services.consent.deposit_checks.domain import DEFAULT_RULES, DepositChecksRules
from services.consent.directory import api as directory
from services.consent.erasure.store import remove_changes
from services.consent.matrices import api as matrices
from services.consent.matrices.domain import MatricesRules
from services.consent.recovery.steps import STATE_SOURCES
from services.consent.recovery.store import COPIES, find_missing
from services.consent.settings import Settings
from shared.access.decide import reasons_of
from shared.erasure.erased_records import ErasureFinisher
from shared.http.app import make_app, serving
from shared.http.dependencies import provide
from shared.http.described import read_api_texts
from shared.http.issuer_keys import Keys
from shared.http.outcomes import render
from shared.messaging.outbox.recovery import Recovery
from shared.runtime.metrics import STEP_SECONDS, start_at_zero, start_refusals
from shared.service.worker import Loop, Plan, make_worker_app
from shared.web.pages import Pages

LARGEST_BODY = 512 * 1024
"""In bytes. The largest body is a matrix of all professions and document types."""
REFUSALS: Final = {
    "see-choices": (
        *("copies-too-old", "holder-deceased", "kind-not-permitted", "not-own-record", "record-closed"),
        "record-unknown",
    ),
    **dict.fromkeys(get_args(ChangeAction), reasons_of("change-rights")),
}
"""The refusals that the API counts, by action."""
COLLECTED_CHANGES: Final = ("object-to-feeding", "withdraw-feeding-objection", "attest-care-team", "end-attestation")
"""The changes that structures report as collected from the person."""


def make_api(settings: Settings) -> FastAPI:
    """Builds the API, through which the choices about a record are read and changed."""
    max_copy_age = timedelta(seconds=settings.freshness.limit_s)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        in_force = InForceNotifier(settings.postgres)
        async with serving(app, settings, "consent"), in_force.listening():
            rules = ChoicesRules(max_copy_age, settings.parameters.occupational_medicine)
            provide(app, ChoicesContext(app.state.pool, rules, in_force), MatricesRules(notice=max_copy_age))
            yield

    pages = Pages("consent", ["choices"])
    app = make_app(
        read_api_texts("services.consent"),
        lifespan=lifespan,
        body_limit=min(settings.http.body_limit, LARGEST_BODY),
        render=pages.errors(render),
    )
    app.add_exception_handler(VersionDiffersError, render_version_differs)
    pages.install(app)
    for router in (choices.router, changes.router, authorisations.router, matrices.router, directory.router):
        app.include_router(router)
    for router in (access_pages.router, change_pages.router):
        app.include_router(router)
    start_refusals(REFUSALS)
    return app


def make_worker(settings: Settings) -> FastAPI:
    """Builds the worker: it announces first states, decides deposits, and tracks which version is in force."""
    start_refusals(
        {
            "deposit-document": (*reasons_of("deposit"), *reasons_of("replace")),
            **dict.fromkeys(COLLECTED_CHANGES, reasons_of("change-rights")),
        }
    )
    start_at_zero(STEP_SECONDS, ["decided"])
    return make_worker_app(plan_of(settings), settings)


def plan_of(settings: Settings) -> Plan:
    """Returns the plan of the worker under these settings."""
    longest = timedelta(days=settings.collected_consents.longest_attestation_days)
    return make_plan(
        rules=DepositChecksRules(settings.parameters.masked_and_invisible),
        collected_rules=CollectedConsentsRules(longest),
    )


def make_plan(
    keys: Keys | None = None,
    *,
    rules: DepositChecksRules = DEFAULT_RULES,
    collected_rules: CollectedConsentsRules = COLLECTED_RULES,
) -> Plan:
    """Returns the worker's subscriptions, loops and recovery."""
    loops: dict[str, Loop] = {
        "finish-erasures": ErasureFinisher("consent", remove_changes).round,
        "name-in-full": name_in_full,
    }
    return Plan(
        "consent",
        subscriptions(rules, collected_rules),
        loops,
        keys,
        Recovery(adopt=adopt_states, states=STATE_SOURCES, copies=COPIES, find_missing=find_missing),
    )
