"""The inputs of a person's fingerprints. Identity makes the fingerprints, records looks them up.

The parts go into an HMAC (`Keyring.fingerprint(*parts)`), whose result allows a test of equality and reveals nothing
else. The INS is fingerprinted under a global key, so that a record can be found; a trait together with the record's id,
so that equal traits of two persons differ.
"""

from uuid import UUID

from shared.crypto.keyring import Keyring
from shared.values import Ins


def ins_parts(ins: Ins) -> tuple[str, str, str]:
    """Returns the parts for an INS: its class, "test" (.10, .11) or "production" (.8 NIR, .9 NIA), and the number with
    key.

    A test number never equals the same number of a real person. Within a class the OID does not count: NIR and NIA come
    from one national register, in which a number belongs to one person only.
    """
    return "ins", "test" if ins.is_test else "production", ins.matricule


def trait_parts(record_id: UUID, trait: str, value: str) -> tuple[str, str, str, str]:
    """Returns the parts for one strict trait of one record, with name and value from `SentTraits.normalised()`."""
    return "trait", str(record_id), trait, value


def trait_fingerprints(keyring: Keyring, record_id: UUID, normalised: dict[str, str]) -> dict[str, str]:
    """Returns the fingerprint of each trait by name, under the active key."""
    return {name: keyring.fingerprint(*trait_parts(record_id, name, value)) for name, value in normalised.items()}
