"""The parts of a person's fingerprints: identity makes the fingerprints, records looks them up.

The parts go into an HMAC (`Keyring.fingerprint(*parts)`), whose result reveals nothing and tells equality. The INS is
fingerprinted under a global key, so that a record can be found; a trait with the record's id as well, so that equal
traits of two persons differ.
"""

from uuid import UUID

from shared.crypto.keyring import Keyring
from shared.values import Ins


def ins_parts(ins: Ins) -> tuple[str, str, str]:
    """The number with its key, and its class: "test" (.10, .11) or "production" (.8 NIR, .9 NIA).

    A number for tests never meets the same number of a real person. Inside a class the OID does not count: NIR and NIA
    come from one national register and no number stands for two persons.
    """
    return "ins", "test" if ins.is_test else "production", ins.matricule


def trait_parts(record_id: UUID, trait: str, value: str) -> tuple[str, str, str, str]:
    """One strict trait of one record; `trait` and `value` as `SentTraits.normalised()` gives them."""
    return "trait", str(record_id), trait, value


def trait_fingerprints(keyring: Keyring, record_id: UUID, normalised: dict[str, str]) -> dict[str, str]:
    """The fingerprint of each trait by name, under the active key."""
    return {name: keyring.fingerprint(*trait_parts(record_id, name, value)) for name, value in normalised.items()}
