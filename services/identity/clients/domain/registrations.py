"""Registrations of software, and how they change: data, keys, status. Every rule is pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypedDict

from joserfc.jwk import import_key

from services.identity.clients.domain.clients import (
    ClientBindings,
    ClientStatus,
    NewClient,
    check_grantable,
    new_client,
    public_jwks,
)
from shared.contracts.base import Actor
from shared.contracts.identity import ClientAction, ClientAdministered
from shared.errors import ConflictError, NotFoundError


class ClientUnknownError(NotFoundError):
    """No client has this id."""

    code = "client-unknown"
    french = "Aucun client ne porte cet identifiant."


class OwnClientError(ConflictError):
    """A client cannot deactivate itself. Let another administrator do it."""

    code = "client-own"
    french = "Un client ne peut pas se désactiver lui-même. Demandez-le à un autre administrateur."


class LastKeyError(ConflictError):
    """This is the only key with which this client proves itself. Add its new key first."""

    code = "client-key-last"
    french = "C’est la seule clé avec laquelle ce client se prouve. Ajoutez d’abord sa nouvelle clé."


class KeyUnknownError(NotFoundError):
    """This client has no key with this kid."""

    code = "client-key-unknown"
    french = "Ce client n’a pas de clé de ce kid."


class KeyIdTakenError(ConflictError):
    """Another key of this client has this kid. Give the new key a kid of its own, for example its thumbprint."""

    code = "client-key-id-taken"
    french = "Une autre clé de ce client porte ce kid. Donnez à la nouvelle un kid à elle, par exemple son empreinte."


@dataclass(frozen=True, slots=True)
class Registration:
    """A registered client with its status. A disabled one is granted no token."""

    id: str
    client: NewClient
    status: ClientStatus
    registered_at: datetime


class ClientChange(TypedDict, total=False):
    """New values of a client's data; a member left out keeps its value. None keeps name and scopes, and removes a
    binding."""

    name: str | None
    scopes: list[str] | None
    certificate_subject: str | None
    psc_client_id: str | None


def change_data(registration: Registration, change: ClientChange, held: frozenset[str]) -> Registration:
    """Returns the registration with the changed data. `held`: the scopes of the caller.

    Raises ScopeNotGrantableError and what `new_client` raises.
    """
    client = registration.client
    check_grantable(client.scopes, held)
    name, scopes = change.get("name"), change.get("scopes")
    bindings = ClientBindings(
        change.get("certificate_subject", client.certificate_subject), change.get("psc_client_id", client.psc_client_id)
    )
    changed = new_client(
        client.name if name is None else name,
        client.kind,
        client.scopes if scopes is None else scopes,
        client.jwks,
        client.organisation_id,
        bindings,
    )
    check_grantable(changed.scopes, held)
    return replace(registration, client=changed)


def add_keys(registration: Registration, keys: Iterable[Mapping[str, Any]], held: frozenset[str]) -> Registration:
    """Returns the registration with these keys beside those that it has. A key that it has already changes nothing.

    Raises ScopeNotGrantableError, because a key carries all scopes of its client; KeyUnusableError, KeyIdTakenError.
    """
    client = registration.client
    check_grantable(client.scopes, held)
    by_kid = {jwk["kid"]: jwk for jwk in client.jwks}
    for jwk in public_jwks(keys):
        if by_kid.setdefault(jwk["kid"], jwk) != jwk:
            raise KeyIdTakenError
    return replace(registration, client=replace(client, jwks=public_jwks(by_kid.values())))


def remove_key(registration: Registration, kid: str, held: frozenset[str]) -> Registration:
    """Returns the registration without the key of this kid.

    Raises ScopeNotGrantableError, KeyUnknownError; LastKeyError when the client could not prove itself afterwards.
    """
    client = registration.client
    check_grantable(client.scopes, held)
    remaining = tuple(jwk for jwk in client.jwks if jwk["kid"] != kid)
    if len(remaining) == len(client.jwks):
        raise KeyUnknownError
    if not remaining and client.certificate_subject is None:
        raise LastKeyError
    return replace(registration, client=replace(client, jwks=remaining))


def deactivate(registration: Registration, caller: Actor) -> Registration:
    """Returns the registration as disabled. It takes rights away, so the caller need not hold them.

    Raises OwnClientError.
    """
    if registration.id == caller.client_id:
        raise OwnClientError
    return replace(registration, status="disabled")


def reactivate(registration: Registration, held: frozenset[str]) -> Registration:
    """Returns the registration as active. Raises ScopeNotGrantableError, because it grants the client's scopes anew."""
    check_grantable(registration.client.scopes, held)
    return replace(registration, status="active")


def administered(
    action: ClientAction,
    registration: Registration,
    actor: Actor,
    before: Registration | None = None,
    *,
    changed: tuple[str, ...] = (),
) -> ClientAdministered:
    """Returns the event for the ledger: what changed, and the scopes, keys and status after it.

    `changed`: what changed besides the differences to `before`. Names are left out, and keys are stated by their
    thumbprint (RFC 7638).
    """
    client = registration.client
    changed += () if before is None else _differences(before.client, client)
    return ClientAdministered(
        subject_id=registration.id,
        actor=actor,
        action=action,
        changed=changed,
        scopes=tuple(sorted(client.scopes)),
        keys=tuple(sorted(import_key(dict(jwk)).thumbprint() for jwk in client.jwks)),
        status=registration.status,
    )


def _differences(before: NewClient, after: NewClient) -> tuple[str, ...]:
    members = ("name", "kind", "scopes", "jwks", "organisation_id", "certificate_subject", "psc_client_id")
    return tuple(name for name in members if getattr(before, name) != getattr(after, name))
