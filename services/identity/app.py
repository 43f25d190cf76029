"""Composition root: builds the API and the worker from settings."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial

from fastapi import FastAPI

from services.identity.api import ROUTERS
from services.identity.api.certificate_auth import ProfessionalAuth
from services.identity.api.context import AppContext
from services.identity.api.oauth import handle_oauth_error
from services.identity.consumers import subscriptions
from services.identity.domain.accounts import AccountRules, lookup_keys
from services.identity.domain.assertions import OAuthError
from services.identity.domain.lifecycle import Retention
from services.identity.domain.openings import OpeningRules
from services.identity.domain.passwords import Argon2Hasher
from services.identity.domain.professionals import SignInRules, sign_in_keys
from services.identity.domain.psc import RelyingParty
from services.identity.domain.receipts import ReceiptKeys
from services.identity.domain.sealed_rows import Keyrings
from services.identity.domain.tokens import SigningKeys, TokenIssuer
from services.identity.file_import import Importer
from services.identity.keys import make_keyrings, make_keys
from services.identity.loops import erasure_loops, sweep_accounts, sweep_assertions, sweep_sign_ins
from services.identity.opening_loops import opening_loops
from services.identity.provider import HttpProvider
from services.identity.relations import relation_loops
from services.identity.revocations import RevocationLists, read_authorities
from services.identity.settings import (
    AccountSettings,
    ImportSettings,
    ProfessionalSettings,
    Settings,
)
from services.identity.usecases.recover_commits import erase_again_and_end_sessions, raise_versions
from shared.crypto.keyring import Keyring
from shared.http.app import make_app, serving
from shared.messaging.outbox.recovery import Recovery
from shared.service.worker import Loop, Plan, make_worker_app

MAX_BODY_BYTES = 64 * 1024


def make_api(settings: Settings) -> FastAPI:
    """Returns identity's API."""
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
        body_limit=min(settings.http.body_limit, MAX_BODY_BYTES),
    )
    app.add_exception_handler(OAuthError, handle_oauth_error)
    for router in ROUTERS:
        app.include_router(router)
    return app


def make_worker(settings: Settings) -> FastAPI:
    """Returns identity's worker: outbox relay, acknowledgements of copies, and periodic deletions."""
    context = _context(settings)
    loops: dict[str, Loop] = {"sweep-assertions": sweep_assertions, "sweep-accounts": sweep_accounts}
    loops["sweep-sign-ins"] = sweep_sign_ins
    loops |= erasure_loops(context.keyrings, context.retention)
    loops |= opening_loops(context.keyrings, context.accounts.lookups, context.openings)
    loops |= relation_loops(context.keyrings)
    listeners = subscriptions(context.receipts, context.retention)
    plan = Plan("identity", listeners, loops=loops, keys=context.issuer.keys, recovery=make_recovery(settings))
    return make_worker_app(plan, settings)


def make_recovery(settings: Settings) -> Recovery:
    """Returns how identity recovers commits that its database has lost."""
    apply_facts = partial(erase_again_and_end_sessions, keyrings=make_keyrings(settings.keys))
    return Recovery(raise_versions, apply_facts)


def make_importer(settings: ImportSettings) -> Importer:
    """Returns the importer of files for the command line."""
    return Importer(
        settings.postgres, make_keys(settings.keys).rings, make_keyrings(settings.keys), settings.demo.test_nir_keys
    )


def _context(settings: Settings) -> AppContext:
    keyrings = make_keyrings(settings.keys)
    signing = SigningKeys.parse(settings.keys.signing.get_secret_value())
    tokens = settings.tokens
    return AppContext(
        keyrings=keyrings,
        accounts=_account_rules(settings.accounts, keyrings),
        issuer=TokenIssuer(tokens.issuer, tokens.audience, tokens.jwks_url, signing),
        demo_sign_in=settings.demo.sign_in,
        test_nir_keys=settings.demo.test_nir_keys,
        receipts=ReceiptKeys.parse(settings.keys.receipts.get_secret_value()),
        retention=Retention(**settings.retention.model_dump()),
        openings=OpeningRules(**settings.openings.model_dump()),
        invitation_life=timedelta(days=settings.care.invitation_days),
        professional_auth=_professional_auth(settings, keyrings.persons),
    )


def _account_rules(settings: AccountSettings, keyrings: Keyrings) -> AccountRules:
    return AccountRules(
        lookups=lookup_keys(keyrings.persons),
        hasher=Argon2Hasher(settings.password_memory_kib, settings.password_passes, settings.password_lanes),
        refusal_s=settings.refusal_s,
        code_lifetime=timedelta(minutes=settings.code_minutes),
        session_idle=timedelta(hours=settings.session_idle_h),
        session_life=timedelta(days=settings.session_days),
        app_name=settings.app_name,
    )


def _professional_auth(all_settings: Settings, persons: Keyring) -> ProfessionalAuth:
    settings = all_settings.professionals
    rules = SignInRules(
        keys=sign_in_keys(persons),
        motives=None if settings.motives is None else Keyring.parse(settings.motives.get_secret_value()),
        emergency_life=timedelta(seconds=settings.emergency_s),
        centres_15=frozenset(settings.centres_15),
        emergencies_per_hour={
            "bris_de_glace": settings.break_glass_per_hour,
            "centre_15": settings.centre_15_per_hour,
        },
        occupational_medicine=all_settings.parameters.occupational_medicine,
    )
    professional_auth = ProfessionalAuth(rules, _provider(settings))
    if not (settings.edge_keys and settings.card_roots and settings.card_persons):
        return professional_auth
    assert settings.card_organisations is not None, "the settings are whole or nothing"
    assert settings.card_revocations is not None, "the settings are whole or nothing"
    return replace(
        professional_auth,
        edge=Keyring.parse(settings.edge_keys.get_secret_value()),
        authorities=read_authorities(settings.card_roots, settings.card_persons, settings.card_organisations),
        revocations=RevocationLists(settings.card_revocations),
    )


def _provider(settings: ProfessionalSettings) -> HttpProvider | None:
    if not (settings.psc_issuer and settings.psc_client_id and settings.psc_secret and settings.psc_redirect_uri):
        return None
    party = RelyingParty(settings.psc_issuer, settings.psc_client_id, settings.psc_redirect_uri, settings.psc_acr)
    return HttpProvider(party, settings.psc_secret.get_secret_value())
