"""Chooses the registered client that sent a message: its certificate decides, MSH-3 and MSH-4 choose among its
organisation's."""

from collections.abc import Iterable

from services.records.copies.domain.clients import ClientCopy
from services.records.hl7v2.domain.faults import unknown_sender
from shared.hl7v2.message import Message


def application_of(message: Message) -> str:
    """Returns the sending application and facility, `MSH-3|MSH-4`, each by its namespace."""
    return f"{message.header.value(3)}|{message.header.value(4)}"


def sender_among(clients: Iterable[ClientCopy], application: str) -> ClientCopy:
    """Returns the client that sends as this application. Raises MessageRefusedError (AR 207 with 901)."""
    named = [client for client in clients if application in client.applications]
    if len(named) != 1:
        raise unknown_sender("The certificate and MSH-3 and MSH-4 together name no registered software.")
    [client] = named
    if not client.is_active or client.organisation_id is None:
        raise unknown_sender("This software is not active any more.")
    return client
