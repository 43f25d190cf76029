"""Composition root: the only place where notify's parts are constructed."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from fastapi import FastAPI

from services.notify import api, loops
from services.notify.alerting import AlertWork
from services.notify.consumers import subscriptions
from services.notify.domain import Channel
from services.notify.folders import FolderGateway
from services.notify.gateways import Gateway
from services.notify.messaging import QUEUES, MessageWork
from services.notify.sending import Senders, Wake
from services.notify.settings import Settings
from services.notify.smtp import MailGateway
from services.notify.store.erasing import remove_alerts
from shared.crypto import Keyring
from shared.erasing import Finisher
from shared.http.app import make_app, serving
from shared.http.tokens import Keys
from shared.worker import Loop, Plan, make_worker_app


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
    rounds: dict[str, Loop] = {
        **_senders(settings, keyring),
        "forget": loops.forget,
        "finish-erasures": Finisher("notify", remove_alerts).round,
    }
    follow_up_after = timedelta(seconds=settings.emergencies.follow_up_after_s)
    return Plan("notify", subscriptions(keyring, follow_up_after), rounds, keys)


def _senders(settings: Settings, keyring: Keyring) -> dict[str, Loop]:
    """A loop for the alerts and one for the messages of each channel: none holds another up."""
    smtp, folders = settings.smtp, settings.folders
    wake = Wake(settings.postgres.dsn.get_secret_value(), QUEUES)
    longest_s = 3 * smtp.timeout_s
    gateways: dict[Channel, list[Gateway]] = {
        "mail": [MailGateway(smtp) for _ in range(smtp.connections)],
        "sms": [FolderGateway(folders.sms)],
        "letter": [FolderGateway(folders.letters)],
    }
    mails = [MailGateway(smtp) for _ in range(smtp.connections)]
    by_mail = Senders(AlertWork("mail", smtp.sender, keyring), mails, wake, longest_s)
    by_sms = Senders(AlertWork("sms", smtp.sender, keyring), [FolderGateway(folders.sms)], wake, longest_s)
    rounds: dict[str, Loop] = {"senders": by_mail.round, "sms-alert-senders": by_sms.round}
    for channel, of_channel in gateways.items():
        rounds[f"{channel}-senders"] = Senders(
            MessageWork(channel, smtp.sender, keyring), of_channel, wake, longest_s
        ).round
    return rounds


def make_worker(settings: Settings) -> FastAPI:
    """Consumers, relay, senders."""
    return make_worker_app(make_plan(settings), settings)
