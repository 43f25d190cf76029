"""Objects to a new contact with the code sent to the contact on file, so that it never comes into force."""

from services.identity.accounts.domain.throttling import network_of
from services.identity.accounts.steps.record_failure import UNKNOWN_ACTOR
from services.identity.kit.announcements import announce
from services.identity.kit.unit_of_work import Storage
from services.identity.openings.domain.proposals import ObjectionCodeWrongError, objection_hashes
from services.identity.openings.steps import check_rate_limit
from services.identity.openings.store import activation, proposals
from services.identity.people.store import records
from shared.contracts.audit import AccessRecorded
from shared.crypto.fingerprints import ins_parts
from shared.crypto.keyring import Keyring
from shared.db.pool import Connection
from shared.messaging.outbox import append
from shared.runtime import clock
from shared.runtime.metrics import REFUSED
from shared.values import Ins


async def object_to_contact(storage: Storage, lookups: Keyring, ins: Ins, code: str, source: str) -> None:
    """Objecting again changes nothing. The response does not depend on whether the number has a record.

    Raises ActivationCodeMalformedError, ObjectionCodeWrongError, TooManyOpeningsError.
    """
    hashes = objection_hashes(lookups, code)
    await check_rate_limit(
        storage.pool, "object-to-contact", [f"objection-source:{lookups.fingerprint('source', network_of(source))}"]
    )
    fingerprints = storage.keyrings.ins.fingerprints(*ins_parts(ins))
    async with storage.transaction() as work:
        await records.lock_ins(work.connection, fingerprints)
        objected = await proposals.set_objected(work.connection, fingerprints, hashes, clock.now())
        if objected is not None:
            await _record_objection(work.connection, fingerprints, was_in_force=objected <= clock.now())
    if objected is None:
        REFUSED.labels("object-to-contact", ObjectionCodeWrongError.code).inc()
        raise ObjectionCodeWrongError


async def _record_objection(connection: Connection, fingerprints: list[str], *, was_in_force: bool) -> None:
    """Writes the objection to the ledger. If the contact was in force, codes may have been sent to it: revokes all
    unused codes."""
    record_id = await records.find_record(connection, fingerprints)
    if record_id is None:
        return
    if was_in_force:
        await activation.revoke_codes(connection, record_id, clock.now())
    entry = AccessRecorded(
        record_id=record_id, actor=UNKNOWN_ACTOR, action="change-contact", outcome="refused", reason="contact-objected"
    )
    await append(connection, [announce(entry)])
