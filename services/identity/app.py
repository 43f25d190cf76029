"""The composition root of identity: builds the API, the worker, the importer, and the rules of each room."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Final

from cryptography.x509 import Certificate
from fastapi import FastAPI

from services.identity.accounts.adapters.rules import AccountRules
from services.identity.accounts.domain.accounts import CredentialsWrongError, lookup_keys
from services.identity.accounts.domain.codes import CodeOverError, CodeWrongError
from services.identity.accounts.domain.passwords import Argon2Hasher, PasswordWrongError
from services.identity.accounts.domain.sessions import RefreshTokenInvalidError
from services.identity.accounts.domain.throttling import TooManyTriesError
from services.identity.accounts.usecases.refresh_session import REUSED
from services.identity.clients.adapters import RevocationLists, read_certificates
from services.identity.clients.api.dependencies import CertificateAuth
from services.identity.clients.domain.assertions import OAuthError
from services.identity.clients.domain.cps import CertificateAuthorities
from services.identity.clients.domain.tokens import SigningKeys, TokenIssuer
from services.identity.consumers import subscriptions
from services.identity.demo.domain import DemoRules
from services.identity.directory.domain.directory import DirectoryRules
from services.identity.erasure.domain import ErasureRules
from services.identity.erasure.usecases.recover_commits import erase_again_and_end_sessions, raise_above, raise_versions
from services.identity.imports.usecases.import_file import Importer
from services.identity.keys import make_keyrings, make_keys
from services.identity.kit.sealed_rows import Keyrings
from services.identity.kit.unit_of_work import Storage
from services.identity.lifecycle.domain.lifecycle import LifecycleRules
from services.identity.lifecycle.steps import LEDGER_ACTIONS
from services.identity.loops import export_loops, loops
from services.identity.oauth import api as oauth
from services.identity.openings.domain.activation import ActivationCodeWrongError
from services.identity.openings.domain.online import OpeningCodeWrongError, OpeningOverError, TooManyOpeningsError
from services.identity.openings.domain.openings import OpeningRules
from services.identity.openings.domain.proposals import ObjectionCodeWrongError
from services.identity.people.domain.persons import PersonRules
from services.identity.professionals.adapters import HttpProvider
from services.identity.professionals.domain.professionals import ProfessionalRules, sign_in_keys
from services.identity.professionals.domain.psc import ConfiguredProvider, PagesProvider, RelyingParty
from services.identity.professionals.steps import EMERGENCIES_OVER_LIMIT
from services.identity.recovery.steps import state_sources
from services.identity.recovery.store import find_missing
from services.identity.recovery.usecases.export_erasures import ExportRules
from services.identity.recovery.usecases.repeat_erasures import end_sessions, repeat_erasures
from services.identity.relations.domain.care import RelationRules
from services.identity.routes import PAGE_ROUTERS, ROOMS_WITH_PAGES, ROUTERS
from services.identity.settings import ImportSettings, ProfessionalSettings, Settings
from shared.contracts.base import Actor
from shared.crypto.keyring import Keyring
from shared.crypto.signatures import SignatureKeys
from shared.db.pool import Pool
from shared.errors import ForbiddenError, NotFoundError, OverloadedError
from shared.http.app import make_app, serving
from shared.http.dependencies import provide
from shared.http.described import read_api_texts
from shared.http.problems import problem
from shared.messaging.outbox.recovery import Recovery
from shared.runtime.metrics import start_at_zero, start_refusals
from shared.service.startup import check_folder, setting_errors
from shared.service.worker import Plan, make_worker_app
from shared.terminology.access_modes import EMERGENCY_MODES
from shared.web.pages import Pages

REFUSALS: Final = {
    "grant-token": sorted({error.code for error in OAuthError.__subclasses__()}),
    "hash-password": (OverloadedError.code,),
    "sign-in": (CredentialsWrongError.code, CodeWrongError.code, CodeOverError.code, TooManyTriesError.code),
    "confirm-password": (PasswordWrongError.code, TooManyTriesError.code),
    "refresh-session": (REUSED, RefreshTokenInvalidError.code),
    "reset-password": (TooManyTriesError.code,),
    "activate-account": (ActivationCodeWrongError.code, TooManyOpeningsError.code),
    "object-to-contact": (ObjectionCodeWrongError.code, TooManyOpeningsError.code),
    "open-record": (OpeningCodeWrongError.code, OpeningOverError.code, TooManyOpeningsError.code),
    **dict.fromkeys(
        sorted(
            {
                *("answer-invitation", "change-contact", "end-care", "invite-carer", "represent"),
                *("prove-presence", "sign-in-card", "sign-in-professional"),
                *(set(LEDGER_ACTIONS.values()) - {"open-record"}),
            }
        ),
        (ForbiddenError.code, NotFoundError.code),
    ),
}
"""The refusals that the API counts, by action: those that are always possible."""
MAX_BODY_BYTES = 64 * 1024


def make_api(settings: Settings) -> FastAPI:
    """Returns identity's API."""
    keyrings, issuer = make_keyrings(settings.keys), _issuer(settings)
    rules = _rules(settings, keyrings)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        provide(app, keyrings, issuer, *rules)
        async with serving(app, settings, "identity", issuer.keys):
            yield

    pages = Pages("identity", ROOMS_WITH_PAGES)
    app = make_app(
        read_api_texts("services.identity"),
        lifespan=lifespan,
        body_limit=min(settings.http.body_limit, MAX_BODY_BYTES),
        render=pages.errors(problem),
    )
    pages.install(app)
    app.add_exception_handler(OAuthError, oauth.handle_oauth_error)
    for router in (*ROUTERS, *PAGE_ROUTERS):
        app.include_router(router)
    start_refusals(REFUSALS)
    start_at_zero(EMERGENCIES_OVER_LIMIT, sorted(EMERGENCY_MODES), ("permitted", "refused"))
    return app


def make_worker(settings: Settings) -> FastAPI:
    """Returns identity's worker: outbox relay, acknowledgements of copies, and periodic deletions.

    Raises SettingUnusableError for the folder of exports.
    """
    if settings.erasures.folder is not None:
        check_folder("ERASURES__FOLDER", settings.erasures.folder)
    return make_worker_app(make_plan(settings), settings)


def make_plan(settings: Settings) -> Plan:
    """Returns the subscriptions, loops and recovery of the worker."""
    keyrings, erasure = make_keyrings(settings.keys), _erasure(settings)
    return Plan(
        "identity",
        subscriptions(erasure),
        loops={
            **loops(keyrings, lookup_keys(keyrings.persons), _openings(settings), _lifecycle(settings), erasure),
            **export_loops(_exports(settings)),
        },
        keys=_issuer(settings).keys,
        recovery=make_recovery(settings),
    )


def make_recovery(settings: Settings) -> Recovery:
    """Returns the recovery from commits that identity's database has lost."""
    keyrings, folder = make_keyrings(settings.keys), settings.erasures.folder

    async def prepare(pool: Pool, operator: Actor, announces: bool) -> int:  # the shape of every service's
        storage = Storage(pool, keyrings)
        if announces:
            await end_sessions(storage)
        return await repeat_erasures(storage, folder, operator)

    return Recovery(
        raise_versions,
        partial(erase_again_and_end_sessions, keyrings=keyrings),
        states=state_sources(keyrings),
        prepare=prepare,
        raise_above=raise_above,
        find_missing=find_missing,
    )


def _exports(settings: Settings) -> ExportRules | None:
    exports = settings.erasures
    return None if exports.folder is None else ExportRules(exports.folder, exports.every_s, exports.kept)


def make_importer(settings: ImportSettings) -> Importer:
    """Returns the importer of files for the command line."""
    return Importer(
        settings.postgres, make_keys(settings.keys).rings, make_keyrings(settings.keys), settings.demo.test_nir_keys
    )


def _rules(settings: Settings, keyrings: Keyrings) -> tuple[object, ...]:
    """Returns the rules and keys that the routes of each room need, one value of each type."""
    return (
        PersonRules(test_nir_keys=settings.demo.test_nir_keys),
        DirectoryRules(occupational_medicine=settings.parameters.occupational_medicine),
        _certificates(settings.professionals),
        _accounts(settings, keyrings),
        _professionals(settings, keyrings),
        ConfiguredProvider(_provider(settings.professionals, settings.professionals.psc_redirect_uri)),
        PagesProvider(_provider(settings.professionals, settings.professionals.psc_pages_uri)),
        DemoRules(is_sign_in_enabled=settings.demo.sign_in),
        RelationRules(invitation_life=timedelta(days=settings.care.invitation_days)),
        _lifecycle(settings),
        _openings(settings),
        _erasure(settings),
    )


def _issuer(settings: Settings) -> TokenIssuer:
    tokens = settings.tokens
    signing = SigningKeys.parse(settings.keys.signing.get_secret_value())
    return TokenIssuer(tokens.issuer, tokens.audience, tokens.jwks_url, signing)


def _certificates(settings: ProfessionalSettings) -> CertificateAuth:
    if not (settings.edge_keys and settings.card_roots and settings.card_persons):
        return CertificateAuth()
    assert settings.card_organisations is not None, "the settings are whole or nothing"
    assert settings.card_revocations is not None, "the settings are whole or nothing"
    return CertificateAuth(
        edge=Keyring.parse(settings.edge_keys.get_secret_value()),
        authorities=CertificateAuthorities(
            _authorities("CARD_ROOTS", settings.card_roots),
            _authorities("CARD_PERSONS", settings.card_persons),
            _authorities("CARD_ORGANISATIONS", settings.card_organisations),
        ),
        revocations=RevocationLists(settings.card_revocations),
    )


def _authorities(setting: str, path: Path) -> tuple[Certificate, ...]:
    with setting_errors(f"PROFESSIONALS__{setting}", f"{path} cannot be read as certificates in PEM"):
        return read_certificates(path)


def _accounts(all_settings: Settings, keyrings: Keyrings) -> AccountRules:
    settings = all_settings.accounts
    return AccountRules(
        lookups=lookup_keys(keyrings.persons),
        hasher=Argon2Hasher(settings.password_memory_kib, settings.password_passes, settings.password_lanes),
        refusal_s=settings.refusal_s,
        code_lifetime=timedelta(minutes=settings.code_minutes),
        session_idle=timedelta(hours=settings.session_idle_h),
        session_life=timedelta(days=settings.session_days),
        app_name=settings.app_name,
    )


def _professionals(all_settings: Settings, keyrings: Keyrings) -> ProfessionalRules:
    settings = all_settings.professionals
    return ProfessionalRules(
        keys=sign_in_keys(keyrings.persons),
        motives=None if settings.motives is None else Keyring.parse(settings.motives.get_secret_value()),
        emergency_life=timedelta(seconds=settings.emergency_s),
        centres_15=frozenset(settings.centres_15),
        emergencies_per_hour={
            "bris_de_glace": settings.break_glass_per_hour,
            "centre_15": settings.centre_15_per_hour,
        },
        occupational_medicine=all_settings.parameters.occupational_medicine,
    )


def _provider(settings: ProfessionalSettings, redirect_uri: str | None) -> HttpProvider | None:
    if not (settings.psc_issuer and settings.psc_client_id and settings.psc_secret and redirect_uri):
        return None
    party = RelyingParty(settings.psc_issuer, settings.psc_client_id, redirect_uri, settings.psc_acr)
    return HttpProvider(party, settings.psc_secret.get_secret_value())


def _lifecycle(settings: Settings) -> LifecycleRules:
    return LifecycleRules(closed_years=settings.retention.closed_years)


def _openings(settings: Settings) -> OpeningRules:
    return OpeningRules(**settings.openings.model_dump())


def _erasure(settings: Settings) -> ErasureRules:
    return ErasureRules(
        receipts=SignatureKeys.parse(settings.keys.receipts.get_secret_value()),
        backups_days=settings.retention.backups_days,
        acknowledgement_s=settings.retention.acknowledgement_s,
    )
