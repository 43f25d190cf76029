"""Changes a contact after the codes sent to the old and the new one were given."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from services.identity.accounts.domain.accounts import AccountRules
from services.identity.accounts.domain.codes import CodeOverError, open_detail
from services.identity.accounts.domain.sessions import holder_actor
from services.identity.accounts.steps.answer_challenge import answer_challenge
from services.identity.accounts.steps.check_session import check_session
from services.identity.accounts.steps.record_failure import record_failure
from services.identity.accounts.store import throttles
from services.identity.kit.announcements import announce
from services.identity.kit.sealed_rows import seal_row
from services.identity.kit.unit_of_work import Storage, UnitOfWork
from services.identity.people.domain.contacts import MessageContent, message_request, seal_contact
from services.identity.people.domain.new_person import Contact
from services.identity.people.steps import load_contact
from services.identity.people.store import contacts
from services.identity.relations.steps.follow_contact import follow_contact
from shared.contracts.audit import AccessRecorded
from shared.contracts.base import Event
from shared.contracts.identity import ContactChanged
from shared.messaging.outbox import append
from shared.runtime import clock


@dataclass(frozen=True, slots=True, repr=False)
class ContactChangeCodes:
    """The codes that were sent to the old and to the new contact."""

    challenge_id: UUID
    old_code: str
    new_code: str


async def finish_contact_change(
    storage: Storage, accounts: AccountRules, holder: tuple[UUID, UUID | None], codes: ContactChangeCodes
) -> None:
    """Changes the contact and notifies both. `holder`: record id and session id.

    Raises SessionOverError, CodeWrongError, CodeOverError (also when the contact has changed meanwhile).
    """
    record_id, session_id = holder
    async with storage.transaction() as work:
        await check_session(work.connection, session_id)
        both_codes = (codes.old_code, codes.new_code)
        challenge, error = await answer_challenge(
            work, accounts, "contact-change", codes.challenge_id, both_codes, record_id
        )
        if error is not None:
            await record_failure(work, None if challenge is None else record_id, error.code)
        else:
            assert challenge is not None, "without an error there is a challenge"
            await _apply_change(work, record_id, open_detail(storage.keyrings, challenge))
    if error is not None:
        raise error


async def _apply_change(work: UnitOfWork, record_id: UUID, detail: dict[str, Any]) -> None:
    _, old = await load_contact(work, record_id)
    new = Contact.from_json(detail["contact"].encode())
    sealed = seal_row(work.keyrings.persons, new.as_json(), "contact", record_id)
    version = await contacts.replace_contact(work.connection, record_id, detail["version"], sealed)
    if version is None:
        raise CodeOverError
    await throttles.reset_attempts(work.connection, detail["keys"], clock.now())
    old_channel, new_channel = detail["channels"]
    note = MessageContent("contact-changed")
    events: list[Event] = [
        ContactChanged(record_id=record_id, version=version, sealed=seal_contact(work.keyrings, record_id, new)),
        AccessRecorded(
            record_id=record_id,
            actor=holder_actor(record_id),
            action="change-contact",
            outcome="permitted",
            reason="both-confirmed",
        ),
        message_request(work.keyrings.contacts, clock.new_id(), record_id, old, note, old_channel),
        message_request(work.keyrings.contacts, clock.new_id(), record_id, new, note, new_channel),
        *await follow_contact(work, record_id),
    ]
    await append(work.connection, [announce(event) for event in events])
