"""Signatures that anybody verifies with published keys: JWS in compact form (RFC 7515), signed with Ed25519 (RFC 8037).

The algorithm's name is the one of RFC 9864. The protected header names the kind of what is signed (`typ`), so that a
signature cannot be passed off as one of another kind under the same key.
"""

import base64
from dataclasses import dataclass
from typing import Any, Final, Self

from joserfc import jws
from joserfc.jwk import OKPKey

from shared.crypto.jwk_sets import UNREADABLE, usable_keys
from shared.crypto.private_keys import parse_private_keys
from shared.errors import CodedError

ALGORITHM: Final = "Ed25519"


class SignatureKeysError(CodedError):
    """The keys of signatures are a JSON array of private JWKs: OKP, Ed25519, each with its own `kid`."""

    code = "signature-keys-invalid"


class SignatureInvalidError(CodedError):
    """None of the published keys has signed this, or it was altered."""

    code = "signature-invalid"


@dataclass(frozen=True, repr=False)
class SignatureKeys:
    """Keys of signatures: the first one signs, all are published."""

    keys: tuple[OKPKey, ...]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Returns the keys from the JSON array of the settings. Raises SignatureKeysError."""
        try:
            return cls(parse_private_keys(text, OKPKey, "Ed25519"))
        except ValueError:
            raise SignatureKeysError from None

    def sign(self, payload: bytes, kind: str) -> str:
        """Returns a compact JWS with this payload, signed with the first key. `kind`: the header `typ`."""
        header = {"alg": ALGORITHM, "kid": self.keys[0].kid, "typ": kind}
        return jws.serialize_compact(header, payload, self.keys[0], algorithms=[ALGORITHM])

    def sign_detached(self, payload: bytes, kind: str) -> str:
        """Returns the JWS without its payload, which stands elsewhere (RFC 7515, appendix F)."""
        header, _, signature = self.sign(payload, kind).split(".")
        return f"{header}..{signature}"

    def public_jwks(self) -> list[dict[str, Any]]:
        """Returns the public keys as JWKs, with only the members that a verifier needs."""
        publics = [key.as_dict(private=False) for key in self.keys]
        members = ("kty", "crv", "x", "kid")
        return [{**{name: key[name] for name in members}, "use": "sig", "alg": ALGORITHM} for key in publics]


def verified_payload(signature: str, published: object, kind: str) -> bytes:
    """Returns the payload of a compact JWS of this kind if one of these public keys (a JWK Set) signed it.

    Raises SignatureInvalidError.
    """
    try:
        opened = jws.deserialize_compact(signature, usable_keys(published, ("OKP",)), algorithms=[ALGORITHM])
        if opened.headers().get("typ") != kind:
            raise SignatureInvalidError
        return opened.payload
    except UNREADABLE:
        raise SignatureInvalidError from None  # the cause may quote the content


def check_detached(signature: str, payload: bytes, published: object, kind: str) -> None:
    """Checks a signature without a payload against the payload that stands elsewhere. Raises SignatureInvalidError."""
    header, separator, signed = signature.partition("..")
    if not separator:
        raise SignatureInvalidError
    encoded = base64.urlsafe_b64encode(payload).decode().rstrip("=")
    verified_payload(f"{header}.{encoded}.{signed}", published, kind)
