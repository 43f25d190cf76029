"""Public keys in sets (RFC 7517): those that can be used, whatever stands beside them."""

from collections.abc import Collection, Iterable
from contextlib import suppress
from typing import Any, Final

from joserfc.errors import JoseError
from joserfc.jwk import KeySet, import_key

UNREADABLE: Final = (JoseError, ValueError, KeyError, TypeError, AttributeError)
"""What the import of a JWK raises that cannot be read."""


def usable_keys(jwk_set: Any, key_types: Collection[str]) -> KeySet:
    """Returns the keys of a JWK Set that have one of these types (`kty`), are for signatures and can be read; others
    are ignored (RFC 7517, section 5).

    Raises ValueError where it is no JWK Set, or none of its keys can be used.
    """
    jwks = jwk_set.get("keys") if isinstance(jwk_set, dict) else None
    if not isinstance(jwks, list):
        raise ValueError("not a JWK Set")
    keys = stored_keys(jwks, key_types)
    if not keys.keys:
        raise ValueError("no usable key in the JWK Set")
    return keys


def stored_keys(jwks: Iterable[Any], key_types: Collection[str]) -> KeySet:
    """Returns the usable ones of the JWKs that a database holds, as `usable_keys` does; the set may be empty."""
    keys = []
    for jwk in jwks:
        if isinstance(jwk, dict) and str(jwk.get("kty")) in key_types and jwk.get("use", "sig") == "sig":
            with suppress(*UNREADABLE):
                keys.append(import_key(jwk))
    return KeySet(keys)
