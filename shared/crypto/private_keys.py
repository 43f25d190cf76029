"""Parses the private keys of the settings: a JSON array of JWKs (RFC 7517), of which the first signs."""

import json
from typing import TypeVar

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey

Key = TypeVar("Key", ECKey, OKPKey)


def new_thumbprint_key() -> str:
    """Returns a JSON array with a new private key of P-256, whose `kid` is its thumbprint (RFC 7638, SHA-256)."""
    key = ECKey.generate_key("P-256", private=True)
    return json.dumps([{**key.as_dict(private=True), "kid": key.thumbprint(), "use": "sig", "alg": "ES256"}])


def parse_private_keys(text: str, key_class: type[Key], curve: str) -> tuple[Key, ...]:
    """Returns the keys of the array in its order: private, all of this curve, each with a unique `kid`.

    Raises ValueError, whose text and cause never quote a key.
    """
    keys = parse_signing_keys(text, key_class, curve)
    if not all(key.is_private for key in keys):
        raise ValueError(f"not all private keys of {curve} with a unique kid")
    return keys


def parse_signing_keys(text: str, key_class: type[Key], curve: str) -> tuple[Key, ...]:
    """Returns the keys of the array in its order: all of this curve, each with a unique `kid`; the first is private.

    The others may be public: retired keys, whose private halves are destroyed. Raises ValueError, whose text and cause
    never quote a key.
    """
    try:
        keys = tuple(key_class.import_key(jwk) for jwk in json.loads(text))
    except (JoseError, ValueError, TypeError, KeyError, AttributeError):
        raise ValueError("not a JSON array of JWKs") from None  # the cause quotes the key
    kids = {key.kid for key in keys if key.curve_name == curve and key.kid}
    if not keys or len(kids) != len(keys) or not keys[0].is_private:
        raise ValueError(f"not all keys of {curve} with a unique kid, of which the first is private")
    return keys
