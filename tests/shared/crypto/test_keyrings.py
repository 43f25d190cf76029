"""A sealed value opens only in its own place, and no key seals so often that its random nonces could collide."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwe
from joserfc.jwk import OctKey

from shared.crypto.keyring import (
    UNDER_ROW_KEY,
    Keyring,
    KeyUnknownError,
    SealBrokenError,
    SealUnboundError,
    seal,
    unseal,
)

OLD, NEW = "old:" + "A" * 43, "new:" + "B" * 43
RING, ROTATED = Keyring.parse(OLD), Keyring.parse(f"{NEW},{OLD}")
HERE, THERE = "contact;id=1", "contact;id=2"


def unbound(ring: Keyring, plain: bytes) -> str:
    """Returns a JWE without a place, as earlier releases made it."""
    header = {"alg": "A256KW", "enc": "A256GCM", "kid": ring.active}
    return jwe.encrypt_compact(header, plain, OctKey.import_key(ring[ring.active]))


@given(plain=st.binary(max_size=500), row=st.binary(min_size=1, max_size=60))
def test_each_row_is_sealed_under_a_key_of_its_own(plain: bytes, row: bytes) -> None:
    sealed = RING.seal(plain, row)
    assert ROTATED.unseal("old", sealed, row) == plain
    for altered, context in ((sealed, row + b"x"), (sealed[:-1] + bytes([sealed[-1] ^ 1]), row)):
        with pytest.raises(SealBrokenError):
            RING.unseal("old", altered, context)
    with pytest.raises(SealBrokenError):
        unseal(RING["old"], sealed[len(UNDER_ROW_KEY) :], row)


def test_what_a_former_release_sealed_under_the_key_itself_still_opens(monkeypatch: pytest.MonkeyPatch) -> None:
    assert RING.unseal("old", seal(RING["old"], b"plain", b"row"), b"row") == b"plain"
    monkeypatch.setattr(os, "urandom", lambda count: UNDER_ROW_KEY.ljust(count, b"\0"))
    assert RING.unseal("old", seal(RING["old"], b"plain", b"row"), b"row") == b"plain", "whatever its nonce was"


def test_what_is_sealed_for_an_addressee_opens_in_its_place_only() -> None:
    sealed = RING.encrypt_jwe(b"plain", HERE)
    assert ROTATED.decrypt_jwe(sealed, HERE) == ROTATED.decrypt_jwe(sealed, HERE, takes_unbound=True) == b"plain"
    for takes_unbound in (False, True):
        with pytest.raises(SealBrokenError):
            RING.decrypt_jwe(sealed, THERE, takes_unbound=takes_unbound)


def test_what_names_no_place_opens_only_where_that_is_taken() -> None:
    sealed = unbound(RING, b"plain")
    with pytest.raises(SealUnboundError):
        RING.decrypt_jwe(sealed, HERE)
    assert RING.decrypt_jwe(sealed, HERE, takes_unbound=True) == b"plain"


def test_a_place_cannot_be_written_into_the_header_afterwards() -> None:
    here, there = RING.encrypt_jwe(b"plain", HERE), RING.encrypt_jwe(b"plain", THERE)
    moved = ".".join([there.split(".")[0], *here.split(".")[1:]])
    with pytest.raises(SealBrokenError):
        RING.decrypt_jwe(moved, THERE)


def test_a_release_that_binds_nothing_opens_what_this_one_seals() -> None:
    sealed = RING.encrypt_jwe(b"plain", HERE)
    assert jwe.decrypt_compact(sealed, OctKey.import_key(RING["old"])).plaintext == b"plain"


def test_a_key_that_is_not_in_the_ring_is_named() -> None:
    with pytest.raises(KeyUnknownError) as raised:
        RING.unseal("gone", b"sealed", b"row")
    assert raised.value.kid == "gone"
