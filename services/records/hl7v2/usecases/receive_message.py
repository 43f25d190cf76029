"""Receives a message: checks form and sender, lets the use case of its kind act, and returns the acknowledgement.

The acknowledgement is returned after the commit. The first fault that holds is the one acknowledged: form and sender
(AR), segments and fields (AE 100, 101), then those of the use case.
"""

from dataclasses import dataclass

from services.records.hl7v2 import store
from services.records.hl7v2.context import Effect, Hl7v2Context, Peer
from services.records.hl7v2.domain.envelopes import HL7V2
from services.records.hl7v2.domain.faults import refusal_of, rejected, try_later, unknown_sender
from services.records.hl7v2.domain.form import MessageKind, check_form, kind_of
from services.records.hl7v2.domain.senders import application_of, sender_among
from services.records.hl7v2.store import ReceivedMessage
from services.records.hl7v2.usecases.receive_admission import receive_admission
from services.records.hl7v2.usecases.receive_documents import receive_documents
from services.records.kit.metrics import MESSAGES, REUSED_CONTROL_IDS
from services.records.quarantine.domain.requests import RefusedRequest
from services.records.quarantine.steps.keep_refused import keep_refused
from services.records.tracking.steps.depositor import SCOPE, depositor_of
from shared.db.errors import DATABASE_ERRORS, is_transient
from shared.db.pool import Connection
from shared.errors import ClientError, TransientError
from shared.hl7v2.acknowledgement import (
    Acknowledgement,
    MessageFault,
    Outcome,
    acknowledge,
    control_id_of,
    is_wanted,
    reject_unreadable,
)
from shared.hl7v2.message import Message, UnreadableMessageError
from shared.http.tokens import Caller
from shared.runtime import clock


@dataclass(frozen=True, slots=True)
class Answer:
    """The acknowledgement to send, None where none is wanted. `sender`: once it is known."""

    acknowledgement: bytes | None
    sender: Caller | None = None


async def receive_message(context: Hl7v2Context, peer: Peer, raw: bytes) -> Answer:
    """Returns the answer to a message; no message raises an error."""
    try:
        message = Message.of(raw)
    except UnreadableMessageError as error:
        return reject(error)
    reception = Reception(context, peer, message, raw)
    try:
        return await reception.answer()
    except ClientError as error:
        await reception.keep(error)
        return reception.refuse(refusal_of(error).fault)
    except TransientError as error:
        return reception.refuse(refusal_of(error).fault)
    except DATABASE_ERRORS as error:
        if not is_transient(error):
            raise
        return reception.refuse(try_later().fault)


@dataclass
class Reception:
    """The reception of one message. `kind` and `sender` are set once they are known."""

    context: Hl7v2Context
    peer: Peer
    message: Message
    raw: bytes
    kind: str = "other"
    sender: Caller | None = None

    async def answer(self) -> Answer:
        """Lets the use case of the message act, and returns the positive acknowledgement, that of the first time for a
        repeated message. Raises ClientError and TransientError."""
        kind = kind_of(self.message, self.context.rules.processing_ids)
        self.kind = kind.value
        if kind is MessageKind.ACK:
            self._count("counted")
            return Answer(None)
        received = ReceivedMessage.of(self.message.header.value(10), self.raw)
        async with self.context.read.pool.acquire() as connection:
            identified = await find_sender(self.context, connection, self.peer, self.message, received)
        sender = self.sender = identified.caller
        earlier = identified.earlier.get(received.digest)
        if identified.earlier and earlier is None:
            REUSED_CONTROL_IDS.inc()
        if earlier is not None:
            self._count("repeated")
            return self._if_asked_for(Answer(earlier, sender), Outcome.ACCEPTED)
        check_form(self.message, kind)
        effect = await act(self.context, sender, kind, self.message, self.raw)
        sent = _sent(self.message, None)
        await self._store(sender.client_id, received, sent, effect)
        self._count(Outcome.ACCEPTED.value)
        return self._if_asked_for(Answer(sent.acknowledgement, sender), Outcome.ACCEPTED)

    async def keep(self, error: ClientError) -> None:
        """Keeps the message for its sender, if it was refused for a cause that the sender can mend."""
        quarantine = self.context.quarantine
        if quarantine is not None and self.sender is not None:
            request = RefusedRequest(HL7V2, self.raw)
            await keep_refused(quarantine, depositor_of(self.sender), request, error)

    def refuse(self, fault: MessageFault) -> Answer:
        """Returns the negative acknowledgement."""
        self._count(fault.outcome.value)
        sent = _sent(self.message, fault)
        return self._if_asked_for(Answer(sent.acknowledgement, self.sender), fault.outcome)

    async def _store(self, client_id: str, received: ReceivedMessage, sent: Answer, effect: Effect | None) -> None:
        """Stores the acknowledgement with the effect of the message, each message once."""
        async with self.context.read.pool.acquire() as connection:
            if effect is None:
                await store.insert_received(connection, client_id, received, sent.acknowledgement or b"")
                return
            async with connection.transaction():
                if await store.insert_received(connection, client_id, received, sent.acknowledgement or b""):
                    await effect(connection)

    def _if_asked_for(self, answer: Answer, outcome: Outcome) -> Answer:
        """Returns the answer without its acknowledgement where MSH-16 does not ask for one of this outcome."""
        return answer if is_wanted(self.message, outcome) else Answer(None, answer.sender)

    def _count(self, outcome: str) -> None:
        MESSAGES.labels(self.kind, outcome).inc()


def reject(error: ClientError | TransientError, raw: bytes = b"") -> Answer:
    """Returns the rejection (AR) of a message on which nothing was done: too large, too slow, or to be sent again."""
    fault = refusal_of(error).fault
    if fault.outcome is not Outcome.REJECTED:
        fault = rejected(fault.code, fault.diagnostic).fault
    MESSAGES.labels("other", Outcome.REJECTED.value).inc()
    try:
        message = Message.of(raw)
    except UnreadableMessageError:
        return Answer(reject_unreadable(_written(Outcome.REJECTED, fault)).encode())
    return _sent(message, fault)


@dataclass(frozen=True, slots=True)
class Sender:
    """The software that sent a message, and the acknowledgements of its accepted messages of the same control id, by
    the digests of those messages."""

    caller: Caller
    earlier: dict[bytes, bytes]


async def find_sender(
    context: Hl7v2Context, connection: Connection, peer: Peer, message: Message, received: ReceivedMessage
) -> Sender:
    """Returns the registered software that sent a message. Raises MessageRefusedError (AR 207), also where the copy of
    registered software is too old to tell."""
    application = application_of(message)
    if peer.certificate is None:
        possible = await store.find_by_application(connection, application, received)
    else:
        possible = await store.find_by_certificate(connection, peer.certificate, received)
    if possible.copied_at is None or clock.now() - possible.copied_at > context.rules.max_clients_age:
        raise try_later()
    client = sender_among(possible.clients, application)
    if SCOPE not in client.scopes:
        raise unknown_sender(f"This software lacks the scope {SCOPE}.")
    caller = Caller(
        "software",
        client.client_id,
        client.client_id,
        client.scopes,
        organisation_id=client.organisation_id,
        is_bulk=client.is_bulk,
    )
    return Sender(caller, possible.earlier[client.client_id])


async def act(context: Hl7v2Context, sender: Caller, kind: MessageKind, message: Message, raw: bytes) -> Effect | None:
    """Lets the use case of this kind act; returns what is to be stored with the acknowledgement. Raises ClientError,
    TransientError."""
    if kind is MessageKind.ADT:
        return await receive_admission(context, sender, message)
    return await receive_documents(context, sender, kind, message, raw)


def _sent(message: Message, fault: MessageFault | None) -> Answer:
    """Returns the acknowledgement in the character set of the message."""
    outcome = Outcome.ACCEPTED if fault is None else fault.outcome
    return Answer(acknowledge(message, _written(outcome, fault)).encode(message.codec, "replace"))


def _written(outcome: Outcome, fault: MessageFault | None) -> Acknowledgement:
    return Acknowledgement(outcome, control_id_of(clock.new_id()), clock.now(), fault)
