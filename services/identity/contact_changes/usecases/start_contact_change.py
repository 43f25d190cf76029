"""Starts a change of contact: sends one code to the contact on file and another to the new one."""

from uuid import UUID

from services.identity.accounts.domain.accounts import AccountRules
from services.identity.accounts.steps.check_session import check_session
from services.identity.accounts.steps.count_attempt import count_attempt
from services.identity.accounts.steps.request_codes import CodeAddressee, CodeRequest, request_codes
from services.identity.kit.unit_of_work import Storage
from services.identity.people.domain.contacts import MessageChannel, changed_contact, first_reachable_channel
from services.identity.people.steps import load_contact


async def start_contact_change(
    storage: Storage, accounts: AccountRules, holder: tuple[UUID, UUID | None], mail: str | None, mobile: str | None
) -> UUID:
    """Returns the id of the challenge. `holder`: record id and session id; give one of `mail` and `mobile`. The first
    code goes to the contact on file of that kind, or of the other kind if there is none.

    Raises SessionOverError, ContactMissingError, ContactChangeInvalidError, MailInvalidError, MobileInvalidError,
    TooManyTriesError.
    """
    record_id, session_id = holder
    async with storage.acquire() as work:
        await check_session(work.connection, session_id)
        version, current = await load_contact(work, record_id)
        new = changed_contact(current, mail, mobile)
        channel: MessageChannel = "sms" if mail is None else "mail"
        old_channel = first_reachable_channel(current, channel)
        keys = [f"contact:{record_id}"]
        await count_attempt(work.connection, keys, "change-contact")
    detail = {"version": version, "contact": new.as_json().decode(), "channels": [old_channel, channel], "keys": keys}
    async with storage.transaction() as work:
        addressees = (CodeAddressee(current, old_channel), CodeAddressee(new, channel))
        return await request_codes(work, accounts, CodeRequest("contact-change", record_id, addressees, detail))
