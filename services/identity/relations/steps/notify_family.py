"""Notifies the people around a record of a new or requested representation, since they can judge whether it is
right."""

from uuid import UUID

from services.identity.kit.unit_of_work import UnitOfWork
from services.identity.people.domain.contacts import ContactMissingError, MessageContent, message_request
from services.identity.people.steps import load_contact
from services.identity.relations.domain.representation import Representation
from services.identity.relations.store import representations
from shared.contracts.notify import MessageRequested
from shared.runtime import clock


async def notify_family(work: UnitOfWork, new: Representation, content: MessageContent) -> list[MessageRequested]:
    """Returns the messages to the record's contact on file, to the other representatives and, once the representation
    is in force, to the new one; one for each address. People without a contact on file are left out."""
    earlier = await representations.load_representations(work.connection, new.record_id)
    requests: dict[str, MessageRequested] = {}
    representing = [
        representation.representative_id for representation in earlier if representation.status == "validated"
    ]
    for id in dict.fromkeys([new.record_id, *representing]):
        for address, request in await _message(work, id, content):
            requests.setdefault(address, request)
    return list(requests.values())


async def _message(work: UnitOfWork, record_id: UUID, content: MessageContent) -> list[tuple[str, MessageRequested]]:
    try:
        _, contact = await load_contact(work, record_id)
    except ContactMissingError:
        return []
    address = contact.mail or contact.mobile
    return (
        []
        if address is None
        else [(address, message_request(work.keyrings.contacts, clock.new_id(), record_id, contact, content))]
    )
