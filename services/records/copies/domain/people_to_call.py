"""Whom to call for the holder of a record: identity's list, as it is announced and as the copy keeps it."""

from uuid import UUID

import msgspec
from msgspec import Struct

from shared.contracts.base import sealed_place
from shared.contracts.identity import CallRole, PeopleToCallChanged
from shared.crypto.keyring import Keyring, seal, unseal
from shared.crypto.vault import place
from shared.errors import PermanentError
from shared.values import RedactedRepr


class PeopleToCallInvalidError(PermanentError):
    """The list of people to call is of another form than identity announces."""

    code = "people-to-call-unreadable"


class CopiedPersonToCall(RedactedRepr, Struct, frozen=True, gc=False):
    """A person to call. `relation`: in the holder's own words; `phone`: E.164."""

    role: CallRole
    name: str
    phone: str
    relation: str


_DECODER = msgspec.json.Decoder(tuple[CopiedPersonToCall, ...])


def resealed(ring: Keyring, key: bytes, event: PeopleToCallChanged) -> bytes:
    """Returns the announced list, sealed under the record's data key.

    Raises PeopleToCallInvalidError, SealBrokenError, KeyUnknownError.
    """
    plain = ring.decrypt_jwe(event.sealed, sealed_place("people-to-call", event.record_id))
    try:
        _DECODER.decode(plain)
    except msgspec.MsgspecError as error:
        raise PeopleToCallInvalidError from error
    return seal(key, plain, place("people-to-call", event.record_id))


def open_people_to_call(key: bytes, record_id: UUID, sealed: bytes) -> tuple[CopiedPersonToCall, ...]:
    """Returns the people in the order of the list. Raises SealBrokenError."""
    return _DECODER.decode(unseal(key, sealed, place("people-to-call", record_id)))
