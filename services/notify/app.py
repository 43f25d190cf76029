"""The composition root of notify: builds the API, the worker and its delivery loops."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from email.utils import formataddr, parseaddr
from pathlib import Path
from typing import Final

from fastapi import FastAPI

from services.notify import loops
from services.notify.alerts import api as alerts_api
from services.notify.alerts import pages as alert_pages
from services.notify.alerts.domain.rules import AlertRules
from services.notify.alerts.store.alert_queue import AlertQueue
from services.notify.alerts.usecases.send_alerts import AlertSender
from services.notify.alerts.usecases.send_alerts import start_metrics as start_alert_metrics
from services.notify.consumers import subscriptions
from services.notify.contacts.store import COPIES
from services.notify.delivery.adapters.folders import FolderGateway
from services.notify.delivery.adapters.gateway_certificate import REQUIRED, GatewayCertificate
from services.notify.delivery.adapters.smtp import MailGateway, MailServer, tls_context
from services.notify.delivery.steps.delivery_loop import DeliveryLoop, Gateway
from services.notify.erasure.store import remove_alerts
from services.notify.kit.kinds import Channel
from services.notify.kit.sender import SenderDetails
from services.notify.messages.store import MessageQueue
from services.notify.messages.usecases.send_messages import MessageSender
from services.notify.messages.usecases.settle_messages import start_metrics as start_message_metrics
from services.notify.preferences import api as preferences_api
from services.notify.settings import GatewaysSettings, Settings, SmtpSettings
from shared.crypto.keyring import Keyring
from shared.erasure.erased_records import ErasureFinisher
from shared.http.app import make_app, serving
from shared.http.described import read_api_texts
from shared.http.issuer_keys import Keys
from shared.http.problems import problem
from shared.messaging.outbox.recovery import Recovery
from shared.runtime.metrics import STEP_SECONDS, start_at_zero, start_refusals
from shared.service.startup import check_folder, setting_errors
from shared.service.worker import Loop, Plan, make_worker_app
from shared.web.pages import Pages

REFUSALS: Final = {"change-preferences": ("not-own-record",)}
"""The refusals that this service counts, by action."""


def make_api(settings: Settings, keys: Keys | None = None) -> FastAPI:
    """Returns the HTTP API. `keys`: the source of the public keys of the token issuer, by default the issuer itself."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with serving(app, settings, "notify", keys):
            yield

    pages = Pages("notify", ["alerts"])
    app = make_app(
        read_api_texts("services.notify"),
        lifespan=lifespan,
        body_limit=min(settings.http.body_limit, 64 * 1024),
        render=pages.errors(problem),
    )
    pages.install(app)
    for room in (preferences_api, alerts_api, alert_pages):
        app.include_router(room.router)
    start_refusals(REFUSALS)
    return app


def make_plan(settings: Settings, keys: Keys | None = None) -> Plan:
    """Returns the plan of the worker: its subscriptions and loops."""
    keyring, rules = settings.contacts_keyring, make_alert_rules(settings)
    start_alert_metrics()
    start_message_metrics()
    start_at_zero(STEP_SECONDS, ["alerted"])
    worker_loops: dict[str, Loop] = {
        **_senders(settings, keyring, rules),
        "forget-alerts": loops.forget_alerts,
        "forget-messages": loops.forget_messages,
        "observe-queues": loops.observe_queues,
        "finish-erasures": ErasureFinisher("notify", remove_alerts).round,
    }
    recovery = Recovery(copies=COPIES)
    return Plan("notify", subscriptions(keyring, rules, make_sender(settings)), worker_loops, keys, recovery)


def make_alert_rules(settings: Settings) -> AlertRules:
    """Returns the rules of alerts."""
    return AlertRules(
        window=timedelta(seconds=settings.alerts.window_s),
        follow_up_after=timedelta(seconds=settings.emergencies.follow_up_after_s),
    )


def make_mail_server(settings: SmtpSettings) -> MailServer:
    """Returns the mail server to which mails are delivered."""
    return MailServer(
        host=settings.host,
        port=settings.port,
        sender=settings.sender,
        timeout_s=settings.timeout_s,
        security=settings.security or "none",
        ca_file=settings.ca_file,
        username=settings.username,
        password=settings.password.get_secret_value() if settings.password else None,
        max_age_s=settings.max_connection_age_s,
    )


def make_gateway_certificates(settings: GatewaysSettings) -> dict[Channel, GatewayCertificate]:
    """Returns the certificates for which SMS and letters are encrypted. Raises SettingUnusableError."""
    files: dict[Channel, Path] = {"sms": settings.sms_certificate_file, "letter": settings.letters_certificate_file}
    names = {"sms": "GATEWAYS__SMS_CERTIFICATE_FILE", "letter": "GATEWAYS__LETTERS_CERTIFICATE_FILE"}
    certificates: dict[Channel, GatewayCertificate] = {}
    for channel, file in files.items():
        with setting_errors(names[channel], f"{file} is not {REQUIRED}"):
            certificates[channel] = GatewayCertificate(channel, file)
    return certificates


def make_sender(settings: Settings) -> SenderDetails:
    """Returns the service as its messages name it. Mails come from its name unless SMTP__SENDER has another one."""
    service, (name, address) = settings.service, parseaddr(settings.smtp.sender)
    mailbox = formataddr((name or service.name, address))
    return SenderDetails(mailbox, service.name, service.sender_name, service.site, service.telephone)


def _senders(settings: Settings, keyring: Keyring, rules: AlertRules) -> dict[str, Loop]:
    """Returns a delivery loop with separate gateways for each queue, so that no queue delays another."""
    smtp, folders = make_mail_server(settings.smtp), settings.folders
    context, certificates = tls_context(smtp), make_gateway_certificates(settings.gateways)
    attempt_timeout_s, sender = 3 * smtp.timeout_s, make_sender(settings)

    def gateways(channel: Channel) -> list[Gateway]:
        if channel == "mail":
            return [MailGateway(smtp, context) for _ in range(settings.smtp.connections)]
        return [FolderGateway(folders.sms if channel == "sms" else folders.letters, certificates[channel])]

    def alerts(queue: AlertQueue) -> Loop:
        return DeliveryLoop(
            AlertSender(queue, sender, keyring, merges_alerts=rules.merges_alerts),
            gateways(queue.channel),
            attempt_timeout_s,
        ).run_once

    def messages(queue: MessageQueue) -> Loop:
        return DeliveryLoop(MessageSender(queue, sender, keyring), gateways(queue.channel), attempt_timeout_s).run_once

    return {
        "mail-emergency-senders": alerts(AlertQueue("mail", is_emergency=True)),
        "sms-emergency-senders": alerts(AlertQueue("sms", is_emergency=True)),
        "mail-code-senders": messages(MessageQueue("mail", is_awaited=True)),
        "sms-code-senders": messages(MessageQueue("sms", is_awaited=True)),
        "mail-alert-senders": alerts(AlertQueue("mail", is_emergency=False)),
        "sms-alert-senders": alerts(AlertQueue("sms", is_emergency=False)),
        "mail-senders": messages(MessageQueue("mail", is_awaited=False)),
        "sms-senders": messages(MessageQueue("sms", is_awaited=False)),
        "letter-senders": messages(MessageQueue("letter", is_awaited=False)),
    }


def make_worker(settings: Settings) -> FastAPI:
    """Returns the worker: consumers, outbox relay and delivery loops.

    Raises SettingUnusableError for its folders, and for the certificates of their gateways.
    """
    check_folder("FOLDERS__SMS", settings.folders.sms)
    check_folder("FOLDERS__LETTERS", settings.folders.letters)
    return make_worker_app(make_plan(settings), settings)
