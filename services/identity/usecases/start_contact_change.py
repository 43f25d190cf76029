"""A holder wants to be told things elsewhere: a code goes to where that is now, and another to the new place."""

from uuid import UUID

from services.identity.domain.accounts import AccountRules
from services.identity.domain.contacts import MessageChannel, changed_contact, first_reachable_channel
from services.identity.domain.sealing import Keyrings
from services.identity.usecases.ask_for_codes import Question, ask_for_codes
from services.identity.usecases.check_session import check_session
from services.identity.usecases.load_contact import load_contact
from services.identity.usecases.take_try import take_try
from shared.db.pool import Pool, transaction


async def start_contact_change(
    pool: Pool,
    accounts: AccountRules,
    keyrings: Keyrings,
    holder: tuple[UUID, UUID | None],
    mail: str | None,
    mobile: str | None,
) -> UUID:
    """`holder`: record id and session id; one of `mail` and `mobile`. The first code goes to the old place of that
    kind, or to the other kind where there is none. Returns the id of the challenge.

    Raises SessionOverError, ContactMissingError, ContactChangeInvalidError, MailInvalidError, MobileInvalidError,
    TooManyTriesError.
    """
    record_id, session_id = holder
    async with pool.acquire() as connection:
        await check_session(connection, session_id)
        version, known = await load_contact(connection, keyrings, record_id)
        new = changed_contact(known, mail, mobile)
        channel: MessageChannel = "sms" if mail is None else "mail"
        old_channel = first_reachable_channel(known, channel)
        keys = [f"contact:{record_id}"]
        await take_try(connection, keys, "change-contact")
    detail = {"version": version, "contact": new.as_json().decode(), "channels": [old_channel, channel], "keys": keys}
    async with transaction(pool) as connection:
        to = ((known, old_channel), (new, channel))
        return await ask_for_codes(connection, accounts, keyrings, Question("contact-change", record_id, to, detail))
