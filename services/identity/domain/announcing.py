"""A record as the other services are told of it."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from services.identity.domain.opening import Person
from shared.contracts.identity import RecordChanged, TraitFingerprints
from shared.crypto import Keyring
from shared.fingerprints import ins_parts, trait_fingerprints


def record_changed(
    keyring: Keyring,
    record_id: UUID,
    version: int,
    status: Literal["open", "closed"],
    person: Person,
    opened_at: datetime,
    *,
    linked_to: UUID | None,
) -> RecordChanged:
    """The whole state at this version; `keyring` is that of the INS, `linked_to` what the record names now."""
    return RecordChanged(
        record_id=record_id,
        version=version,
        status=status,
        ins=keyring.fingerprint(*ins_parts(person.ins)),
        traits=TraitFingerprints(**trait_fingerprints(keyring, record_id, person.traits.normalised())),
        opened_at=opened_at,
        linked_to=linked_to,
    )
