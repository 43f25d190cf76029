"""Takes the wish of somebody who wants to open their record alone, online. The same for everybody: who may is decided
afterwards, away from the one who asks (`send_opening_codes`), so that neither words nor time tell who exists."""

from uuid import UUID

from services.identity.domain.online import CODE_LIFETIME, Asked, seal_asked
from services.identity.domain.sealing import Keyrings
from services.identity.domain.throttling import network_of
from services.identity.store import online
from services.identity.usecases.take_turn import check_rate_limit
from shared.crypto.fingerprints import ins_parts
from shared.crypto.keyring import Keyring
from shared.db.pool import Pool, transaction
from shared.runtime import clock


async def ask_to_open(pool: Pool, keyrings: Keyrings, lookups: Keyring, asked: Asked, source: str) -> UUID:
    """Returns the id under which the code is given. `source`: the address it comes from.

    Raises TooManyOpeningsError.
    """
    told, network = asked.contact.mail or asked.contact.mobile or "", network_of(source)
    whose = (
        f"online-person:{lookups.fingerprint(*ins_parts(asked.ins), network)}",
        f"online-contact:{lookups.fingerprint('contact', told.casefold(), network)}",
        f"online-source:{lookups.fingerprint('source', network)}",
    )
    await check_rate_limit(pool, "open-record", whose)
    opening_id, now = clock.new_id(), clock.now()
    async with transaction(pool) as connection:
        sealed = seal_asked(keyrings, opening_id, asked)
        await online.insert_opening(connection, opening_id, sealed, now, now + CODE_LIFETIME)
    return opening_id
