"""The keys of the issuer of vaccination certificates (health cards), and their publication.

Source: SMART Health Cards Framework 1.4, "Determining keys associated with an issuer", "Key Management", "Revocation".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from joserfc import jws
from joserfc.jwk import ECKey
from joserfc.jws import JWSRegistry
from joserfc.registry import HeaderParameter

from shared.crypto.private_keys import parse_signing_keys
from shared.errors import CodedError

ALGORITHM: Final = "ES256"
REGISTRY: Final = JWSRegistry({"zip": HeaderParameter("Compression", "str")}, algorithms=[ALGORITHM])
"""Health cards name their compression in the header, which JWS itself does not have."""
_MEMBERS: Final = ("kty", "crv", "x", "y", "kid")


class CertificateKeysError(CodedError):
    """The keys of certificates are a JSON array of JWKs: EC, P-256, each with the `kid` that is its thumbprint (RFC
    7638, SHA-256), the first one private."""

    code = "certificate-keys-invalid"


@dataclass(frozen=True, repr=False)
class IssuerKeys:
    """The first key signs; all are published, among them retired ones whose private halves are destroyed."""

    keys: tuple[ECKey, ...]

    @classmethod
    def parse(cls, text: str) -> "IssuerKeys":
        """Returns the keys from the JSON array of the settings. Raises CertificateKeysError."""
        try:
            keys = parse_signing_keys(text, ECKey, "P-256")
        except ValueError:
            raise CertificateKeysError from None
        if any(key.kid != key.thumbprint() for key in keys):
            raise CertificateKeysError
        return cls(keys)

    @property
    def active(self) -> str:
        """The `kid` of the key that signs."""
        return str(self.keys[0].kid)

    @property
    def kids(self) -> tuple[str, ...]:
        """The `kid` of each key."""
        return tuple(str(key.kid) for key in self.keys)

    def sign(self, payload: bytes) -> str:
        """Returns the compact JWS of a payload that is compressed already (`zip` DEF)."""
        header = {"zip": "DEF", "alg": ALGORITHM, "kid": self.active}
        return jws.serialize_compact(header, payload, self.keys[0], registry=REGISTRY)

    def published(self, list_versions: Mapping[str, int]) -> list[dict[str, Any]]:
        """Returns the public JWKs with only the members that a verifier needs.

        `list_versions`: `ctr` of the revocation list of each key, by `kid`.
        """
        publics = [key.as_dict(private=False) for key in self.keys]
        return [
            {
                **{name: key[name] for name in _MEMBERS},
                "use": "sig",
                "alg": ALGORITHM,
                "crlVersion": list_versions[str(key["kid"])],
            }
            for key in publics
        ]
