"""Accepts a request to open one's own record online. Every request is treated alike: `send_opening_codes` decides
afterwards who may, outside the request, so that neither response nor time reveals who exists."""

from uuid import UUID

from services.identity.accounts.domain.throttling import network_of
from services.identity.kit.unit_of_work import Storage
from services.identity.openings.domain.online import CODE_LIFETIME, OpeningRequest, seal_opening_request
from services.identity.openings.steps import check_rate_limit
from services.identity.openings.store import online
from shared.crypto.fingerprints import ins_parts
from shared.crypto.keyring import Keyring
from shared.runtime import clock


async def ask_to_open(storage: Storage, lookups: Keyring, request: OpeningRequest, source: str) -> UUID:
    """Returns the id under which the code is submitted. `source`: the client's network address.

    Raises TooManyOpeningsError.
    """
    address, network = request.contact.mail or request.contact.mobile or "", network_of(source)
    keys = (
        f"online-person:{lookups.fingerprint(*ins_parts(request.ins), network)}",
        f"online-contact:{lookups.fingerprint('contact', address.casefold(), network)}",
        f"online-source:{lookups.fingerprint('source', network)}",
    )
    await check_rate_limit(storage.pool, "open-record", keys)
    opening_id, now = clock.new_id(), clock.now()
    async with storage.transaction() as work:
        sealed = seal_opening_request(storage.keyrings, opening_id, request)
        await online.insert_opening(work.connection, opening_id, sealed, now, now + CODE_LIFETIME)
    return opening_id
