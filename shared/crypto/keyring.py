"""Keyrings, fingerprints, sealing at rest and sealing in transit.

AES-256-GCM (NIST SP 800-38D) with 96-bit random nonces under per-record data keys or keys derived for one row
(HKDF-Expand, RFC 5869), HMAC-SHA-256 (RFC 2104), JWE compact with A256KW and A256GCM (RFC 7516, RFC 7518 section 4.4).
"""

import base64
import binascii
import hashlib
import hmac
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from shared.errors import CodedError, TransientError

_NONCE_BYTES = 12
UNDER_ROW_KEY = b"row\x01"
"""Prefix of bytes that are sealed under a key derived for their row."""
_PLACE = "cty"
"""The protected header that names the place: `contact;id=<id>` says what the content is (RFC 7516 section 4.1.12).
Earlier releases accept this header."""


class KeyringError(CodedError):
    """A keyring is `kid:base64url-of-32-bytes`, several separated by commas, the active one first."""

    code = "keyring-invalid"


class SealBrokenError(CodedError):
    """The sealed bytes were altered, or the key is not the one they were sealed with."""

    code = "seal-broken"


class SealUnboundError(SealBrokenError):
    """The sealed text does not say where it belongs."""

    code = "seal-unbound"


class KeyUnknownError(SealBrokenError, TransientError):
    """The sealed bytes name a key that this process does not hold; they can be opened once it does."""

    code = "key-unknown"

    def __init__(self, kid: str) -> None:
        super().__init__()
        self.kid = kid


@dataclass(frozen=True, repr=False)
class Keyring:
    """Keys by id. The first one is used for new work, all of them for existing data."""

    keys: dict[str, bytes]

    @classmethod
    def parse(cls, text: str) -> "Keyring":
        """Reads `kid:base64url[,kid:base64url...]`. Raises KeyringError."""
        keys: dict[str, bytes] = {}
        for item in text.split(","):
            kid, _, encoded = item.strip().partition(":")
            try:
                keys[kid] = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))
            except binascii.Error as error:
                raise KeyringError from error
        if not all(kid and len(key) == 32 for kid, key in keys.items()):
            raise KeyringError
        return cls(keys)

    @property
    def active(self) -> str:
        """The id of the key for new work."""
        return next(iter(self.keys))

    def __getitem__(self, kid: str) -> bytes:
        try:
            return self.keys[kid]
        except KeyError as error:
            raise KeyUnknownError(kid) from error

    @cached_property
    def _jwe_keys(self) -> dict[str, OctKey]:
        return {kid: OctKey.import_key(key, {"kid": kid}) for kid, key in self.keys.items()}

    @cached_property
    def _macs(self) -> dict[str, hmac.HMAC]:
        """HMAC objects by key id, keyed once; each message works on a copy."""
        return {kid: hmac.new(key, digestmod=hashlib.sha256) for kid, key in self.keys.items()}

    def _key_of(self, headers: Mapping[str, object]) -> OctKey:
        kid = headers.get("kid")
        if not isinstance(kid, str):
            raise SealBrokenError
        if kid not in self._jwe_keys:
            raise KeyUnknownError(kid)
        return self._jwe_keys[kid]

    def fingerprint(self, *parts: str, kid: str | None = None) -> str:
        """Returns `<kid>.<hex>`, HMAC-SHA-256 over the length-prefixed parts. Raises SealBrokenError (unknown kid)."""
        kid = kid or self.active
        if kid not in self.keys:
            raise SealBrokenError(f"no key {kid}")
        mac = self._macs[kid].copy()
        encoded = [part.encode() for part in parts]
        mac.update(b"".join([len(data).to_bytes(4, "big") + data for data in encoded]))
        return f"{kid}.{mac.hexdigest()}"

    def matches(self, fingerprint: str, *parts: str) -> bool:
        """Whether `fingerprint`, made under any key of the ring, is the fingerprint of these parts."""
        kid = fingerprint.partition(".")[0]
        return kid in self.keys and hmac.compare_digest(fingerprint, self.fingerprint(*parts, kid=kid))

    def fingerprints(self, *parts: str) -> list[str]:
        """Returns the fingerprint under each key of the ring: during a rotation, a look-up must accept all of them."""
        return [self.fingerprint(*parts, kid=kid) for kid in self.keys]

    def seal(self, plain: bytes, context: bytes) -> bytes:
        """Returns the bytes sealed under a key derived from the active key for this `context`.

        A derived key keeps the number of random nonces under one AES key to the number of changes of one row, however
        many rows there are (NIST SP 800-38D section 8.3 allows 2^32).
        """
        return UNDER_ROW_KEY + seal(_row_key(self.keys[self.active], context), plain, context)

    def unseal(self, kid: str, sealed: bytes, context: bytes) -> bytes:
        """Returns the plain bytes of `seal`, or of values that earlier releases sealed directly under the key `kid`.

        Raises SealBrokenError, and KeyUnknownError when the ring lacks the key.
        """
        key = self[kid]
        if sealed.startswith(UNDER_ROW_KEY):
            with suppress(SealBrokenError):  # a nonce of an earlier release may begin like this by chance
                return unseal(_row_key(key, context), sealed[len(UNDER_ROW_KEY) :], context)
        return unseal(key, sealed, context)

    def encrypt_jwe(self, plain: bytes, place: str) -> str:
        """Returns a JWE in compact form, readable only by holders of the shared key: one sender and one addressee.

        The protected header contains `place` (kind and id), so that the text cannot be used in another place.
        """
        header = {"alg": "A256KW", "enc": "A256GCM", "kid": self.active, _PLACE: place}
        return jwe.encrypt_compact(header, plain, self._jwe_keys[self.active])

    def decrypt_jwe(self, sealed: str, place: str, *, takes_unbound: bool = False) -> bytes:
        """Returns the plain bytes of `encrypt_jwe`. `takes_unbound` also accepts texts without a place.

        Raises KeyUnknownError when the text names a key that is not in this ring, SealUnboundError when it names no
        place, and SealBrokenError otherwise.
        """
        try:
            opened = jwe.decrypt_compact(sealed, lambda obj: self._key_of(obj.headers()))
        except (JoseError, KeyError, ValueError, InvalidTag) as error:
            raise SealBrokenError from error
        named = opened.headers().get(_PLACE)
        if named is None and not takes_unbound:
            raise SealUnboundError
        if named not in (None, place) or opened.plaintext is None:
            raise SealBrokenError
        return opened.plaintext


def new_data_key() -> bytes:
    """Returns a new random AES-256 key."""
    return AESGCM.generate_key(256)


def seal(key: bytes, plain: bytes, context: bytes) -> bytes:
    """Returns nonce || AES-256-GCM ciphertext and tag; `context` binds the bytes to their place."""
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, plain, context)


SealKey = bytes | AESGCM
"""A key, or the cipher made of it (`cipher_of`)."""


def cipher_of(key: bytes) -> AESGCM:
    """Returns the cipher of a key, for callers that open many values: making it costs more than opening a short one."""
    return AESGCM(key)


def unseal(key: SealKey, sealed: bytes, context: bytes) -> bytes:
    """Returns the plain bytes of `seal`. Raises SealBrokenError."""
    try:
        cipher = AESGCM(key) if isinstance(key, bytes) else key
        return cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], context)
    except (InvalidTag, ValueError) as error:
        raise SealBrokenError from error


def _row_key(key: bytes, context: bytes) -> bytes:
    """Returns the row's key: HKDF-Expand (RFC 5869) to 32 bytes, one block; `key` is uniform already."""
    return hmac.digest(key, b"row-key:" + context + b"\x01", hashlib.sha256)
