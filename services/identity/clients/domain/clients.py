"""Registered software clients: kinds, public keys and scopes."""

import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, Key, KeySet, OKPKey, RSAKey, import_key

from services.identity.clients.domain.cps import organisation_subject
from services.identity.clients.domain.scopes import CONSULTATION, FEEDING, MAX_SCOPES
from services.identity.directory.domain.directory import structure_id
from shared.errors import ConflictError, ForbiddenError, InvalidError
from shared.human_text import clean_line, has_control_character

ClientKind = Literal["software", "administrator", "operator"]
ClientStatus = Literal["active", "disabled"]
CLIENT_SCOPES: dict[ClientKind, frozenset[str]] = {kind: MAX_SCOPES[kind] for kind in get_args(ClientKind)}
"""The scopes that a client of each kind may be granted, taken from `MAX_SCOPES`."""
ALWAYS_GRANTABLE = frozenset({FEEDING, CONSULTATION})
"""The scopes that only software holds. Any caller with clients.write may grant them without holding them."""
MAX_KEYS = 4
RSA_BITS = range(2048, 4097)
_MAX_NAME_LENGTH = 100
_PUBLIC_MEMBERS = {"EC": ("kty", "crv", "x", "y"), "RSA": ("kty", "n", "e"), "OKP": ("kty", "crv", "x")}
_SECRET_MEMBERS = frozenset({"d", "p", "q", "k"})
KEY_TYPES = tuple(_PUBLIC_MEMBERS)


class ClientInvalidError(InvalidError):
    """A client has a name of 1 to 100 characters and a kind: software, administrator or operator."""

    code = "client-invalid"
    french = "Un client a un nom de 1 à 100 caractères et un genre : software, administrator ou operator."


class ScopeUnknownError(InvalidError):
    """A client of this kind cannot be granted these scopes."""

    code = "scope-unknown"
    french = "Un client de ce genre ne peut pas recevoir ces droits."


class KeyUnusableError(InvalidError):
    """A client has 1 to 4 public JWKs for signatures: EC P-256, RSA of 2048 to 4096 bits, or OKP Ed25519. Others beside
    them are ignored. Never send a private key."""

    code = "key-unusable"
    french = (
        "Il faut 1 à 4 clés JWK publiques de signature : EC P-256, RSA de 2048 à 4096 bits ou OKP Ed25519. D’autres à "
        "côté sont ignorées. Jamais de clé privée."
    )


class OrganisationNeededError(InvalidError):
    """Software acts for one structure: give its national id as organisation_id. Other kinds of client have none."""

    code = "organisation-needed"
    french = "Un logiciel agit pour une structure : donnez son identifiant national. Les autres clients n’en ont pas."


class ScopeNotGrantableError(ForbiddenError):
    """You can grant documents.deposit and documents.read, and otherwise only scopes that your own token has."""

    code = "scope-not-grantable"
    french = "Vous pouvez accorder documents.deposit et documents.read, et sinon seulement vos propres droits."


class ClientNameTakenError(ConflictError):
    """Another client has this name, with different keys or scopes. Choose another name."""

    code = "client-name-taken"
    french = "Un autre client porte ce nom, avec d’autres clés ou droits. Choisissez un autre nom."


@dataclass(frozen=True, slots=True)
class ClientBindings:
    """The identities of software in addition to its keys.

    These are the subject (RFC 4514) of its structure's certificate, with which it may authenticate instead, and its own
    client id at Pro Santé Connect.
    """

    certificate_subject: str | None = None
    psc_client_id: str | None = None


@dataclass(frozen=True, slots=True)
class NewClient:
    """A checked client that is ready to be registered. `jwks` are public JWKs with a `kid`, sorted by `kid`."""

    name: str
    kind: ClientKind
    scopes: frozenset[str]
    jwks: tuple[dict[str, str], ...]
    organisation_id: str | None = None
    certificate_subject: str | None = None
    psc_client_id: str | None = None


@dataclass(frozen=True, slots=True)
class Client:
    """A registered client that requests a token. One that is not active is granted none."""

    id: str
    kind: ClientKind
    status: ClientStatus
    scopes: frozenset[str]
    keys: KeySet
    organisation_id: str | None = None
    certificate_subject: str | None = None
    psc_client_id: str | None = None


def new_client(
    name: str,
    kind: str,
    scopes: Iterable[str],
    keys: Iterable[Mapping[str, Any]],
    organisation_id: str | None = None,
    bindings: ClientBindings | None = None,
) -> NewClient:
    """Returns the checked client. This covers every check that needs no database.

    Raises ClientInvalidError, ScopeUnknownError, KeyUnusableError, OrganisationNeededError, InvalidNationalIdError,
    CertificateSubjectError.
    """
    cleaned = clean_line(name)
    if kind not in CLIENT_SCOPES or not _is_name(cleaned):
        raise ClientInvalidError
    requested = frozenset(scopes)
    if not requested or not requested <= CLIENT_SCOPES[kind]:
        raise ScopeUnknownError(f"A client of kind {kind} can be granted: {', '.join(sorted(CLIENT_SCOPES[kind]))}.")
    if (organisation_id is None) == (kind == "software"):
        raise OrganisationNeededError
    structure = None if organisation_id is None else structure_id(organisation_id)
    certificate, psc_client_id = _checked_bindings(bindings or ClientBindings(), structure)
    jwks = list(keys)
    public = () if certificate is not None and not jwks else public_jwks(jwks)
    return NewClient(cleaned, kind, requested, public, structure, certificate, psc_client_id)


def _checked_bindings(bindings: ClientBindings, structure: str | None) -> tuple[str | None, str | None]:
    psc_client_id, certificate = bindings.psc_client_id, bindings.certificate_subject
    if psc_client_id is not None and (structure is None or not _is_name(psc_client_id)):
        raise ClientInvalidError
    return None if certificate is None else organisation_subject(certificate, structure), psc_client_id


def _is_name(text: str) -> bool:
    return 1 <= len(text) <= _MAX_NAME_LENGTH and not has_control_character(text)


def check_grantable(scopes: frozenset[str], held: frozenset[str]) -> None:
    """Checks that the caller grants no scope that they do not hold. Raises ScopeNotGrantableError."""
    if not scopes <= held | ALWAYS_GRANTABLE:
        raise ScopeNotGrantableError


def public_jwks(keys: Iterable[Mapping[str, Any]]) -> tuple[dict[str, str], ...]:
    """Returns the usable keys reduced to their public members and a `kid`, sorted by `kid`; others are ignored (RFC
    7517, section 5).

    Raises KeyUnusableError where none or too many can be used, two share a `kid`, or one is private.
    """
    cleaned = [public for jwk in keys if (public := _public_jwk(jwk)) is not None]
    kids = {jwk["kid"] for jwk in cleaned}
    if not 0 < len(cleaned) <= MAX_KEYS or len(kids) != len(cleaned):
        raise KeyUnusableError
    return tuple(sorted(cleaned, key=lambda jwk: jwk["kid"]))


def _public_jwk(jwk: Mapping[str, Any]) -> dict[str, str] | None:
    """Returns the public members of a key, None if it cannot be used. Raises KeyUnusableError for a secret."""
    if not _SECRET_MEMBERS.isdisjoint(jwk):
        raise KeyUnusableError
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # joserfc warns of weak keys, which this function refuses
            key = import_key(dict(jwk))
            kid = jwk.get("kid", key.thumbprint())
            usable = _is_usable(key) and jwk.get("use", "sig") == "sig"
    except (JoseError, ValueError, TypeError, KeyError, AttributeError):
        return None
    if not usable or not isinstance(kid, str) or not 0 < len(kid) <= 128:
        return None
    public = key.as_dict(private=False)
    return {**{name: str(public[name]) for name in _PUBLIC_MEMBERS[key.key_type]}, "kid": kid}


def _is_usable(key: Key) -> bool:
    match key:
        case ECKey():
            return key.curve_name == "P-256"
        case RSAKey():
            return key.raw_value.key_size in RSA_BITS
        case OKPKey():
            return key.curve_name == "Ed25519"
        case _:
            return False
