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
from services.notify.messaging import MessageWork
from services.notify.sending import Senders
from services.notify.settings import Settings
from services.notify.smtp import MailGateway
from services.notify.store.alert_queue import AlertQueue
from services.notify.store.erasing import remove_alerts
from services.notify.store.messages import MessageQueue
from shared.crypto.keyring import Keyring
from shared.erasure.erased_records import ErasureFinisher
from shared.http.app import make_app, serving
from shared.http.tokens import Keys
from shared.runtime.worker import Loop, Plan, make_worker_app


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
        "forget-alerts": loops.forget_alerts,
        "forget-messages": loops.forget_messages,
        "observe-queues": loops.observe_queues,
        "finish-erasures": ErasureFinisher("notify", remove_alerts).round,
    }
    follow_up_after = timedelta(seconds=settings.emergencies.follow_up_after_s)
    window = timedelta(seconds=settings.alerts.window_s)
    return Plan("notify", subscriptions(keyring, follow_up_after, window), rounds, keys)


def _senders(settings: Settings, keyring: Keyring) -> dict[str, Loop]:
    """A loop with gateways of its own for each queue: none holds another up, and an emergency waits for none."""
    smtp, folders, gathers = settings.smtp, settings.folders, settings.alerts.window_s > 0
    longest_s = 3 * smtp.timeout_s

    def gateways(channel: Channel) -> list[Gateway]:
        if channel == "mail":
            return [MailGateway(smtp) for _ in range(smtp.connections)]
        return [FolderGateway(folders.sms if channel == "sms" else folders.letters)]

    def alerts(queue: AlertQueue) -> Loop:
        return Senders(
            AlertWork(queue, smtp.sender, keyring, gathers=gathers), gateways(queue.channel), longest_s
        ).round

    def messages(queue: MessageQueue) -> Loop:
        return Senders(MessageWork(queue, smtp.sender, keyring), gateways(queue.channel), longest_s).round

    return {
        "mail-emergency-senders": alerts(AlertQueue("mail", emergencies=True)),
        "sms-emergency-senders": alerts(AlertQueue("sms", emergencies=True)),
        "mail-code-senders": messages(MessageQueue("mail", awaited=True)),
        "sms-code-senders": messages(MessageQueue("sms", awaited=True)),
        "mail-alert-senders": alerts(AlertQueue("mail", emergencies=False)),
        "sms-alert-senders": alerts(AlertQueue("sms", emergencies=False)),
        "mail-senders": messages(MessageQueue("mail", awaited=False)),
        "sms-senders": messages(MessageQueue("sms", awaited=False)),
        "letter-senders": messages(MessageQueue("letter", awaited=False)),
    }


def make_worker(settings: Settings) -> FastAPI:
    """Consumers, relay, senders."""
    return make_worker_app(make_plan(settings), settings)
