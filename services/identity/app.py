"""Composition: settings -> API, worker. The only file that constructs things."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from services.identity.api import ROUTERS
from services.identity.api.context import Context
from services.identity.api.oauth import answer_refusal
from services.identity.consumers import SUBSCRIPTIONS
from services.identity.domain.assertions import OAuthError
from services.identity.domain.sealing import Keyrings
from services.identity.domain.tokens import Issuer, SigningKeys
from services.identity.loops import sweep_assertions
from services.identity.settings import Settings
from shared.crypto import Keyring
from shared.http.app import make_app, serving
from shared.worker import Plan, make_worker_app

LARGEST_BODY = 64 * 1024


def make_api(settings: Settings) -> FastAPI:
    """Identity's API."""
    context = _context(settings)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.context = context
        async with serving(app, settings, "identity", context.issuer.keys):
            yield

    app = make_app(
        title="identity",
        summary="Opens records, keeps the directory, registers software and issues tokens.",
        lifespan=lifespan,
        body_limit=min(settings.http.body_limit, LARGEST_BODY),
    )
    app.add_exception_handler(OAuthError, answer_refusal)
    for router in ROUTERS:
        app.include_router(router)
    return app


def make_worker(settings: Settings) -> FastAPI:
    """Identity's worker: outbox relay, acknowledgements of copies, sweeping."""
    keys = _context(settings).issuer.keys
    plan = Plan("identity", SUBSCRIPTIONS, loops={"sweep-assertions": sweep_assertions}, keys=keys)
    return make_worker_app(plan, settings)


def _context(settings: Settings) -> Context:
    keyrings = Keyrings(
        ins=Keyring.parse(settings.keys.ins_hmac.get_secret_value()),
        contacts=Keyring.parse(settings.keys.contacts.get_secret_value()),
        persons=Keyring.parse(settings.keys.persons.get_secret_value()),
    )
    signing = SigningKeys.parse(settings.keys.signing.get_secret_value())
    tokens = settings.tokens
    return Context(
        keyrings=keyrings,
        issuer=Issuer(tokens.issuer, tokens.audience, tokens.jwks_url, signing),
        demo_sign_in=settings.demo.sign_in,
        test_nir_keys=settings.demo.test_nir_keys,
    )
