"""The routes of registered software, for administrators: registration, list, changes, keys, status."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Response

from services.identity.clients.domain import registrations
from services.identity.clients.domain.clients import ClientStatus, check_grantable
from services.identity.clients.models import (
    ClientBody,
    ClientChangeBody,
    ClientKeysBody,
    ClientsView,
    ClientView,
    MessagingBody,
    MessagingView,
    RegistrationView,
)
from services.identity.clients.usecases.change_client import change_client
from services.identity.clients.usecases.list_clients import ClientFilter, list_clients
from services.identity.clients.usecases.register_client import register_client
from services.identity.clients.usecases.set_messaging import set_messaging
from services.identity.clients.usecases.show_client import show_client
from services.identity.clients.usecases.show_messaging import show_messaging
from services.identity.directory.domain.directory import structure_id
from services.identity.kit.problems import problems
from shared.contracts.base import CODE_PATTERN
from shared.http.app import AuthenticatedCaller, ServicePool
from shared.http.door import Door
from shared.http.tokens import Caller

SCOPE = "clients.write"
LONGEST_PAGE = 200
_NEEDED = f"needs the scope {SCOPE}"
_GRANTED = f"{_NEEDED}; scope-not-grantable: this client has scopes that you do not hold"


async def administrator(caller: AuthenticatedCaller) -> Caller:
    """Returns the caller; a dependency of routes. Raises ForbiddenError without the scope."""
    caller.require(SCOPE)
    return caller


Administrator = Annotated[Caller, Depends(administrator)]
ClientId = Annotated[
    str, Path(pattern=CODE_PATTERN, max_length=64, description="the client_id returned at its registration")
]
router = APIRouter(route_class=Door, prefix="/clients", tags=["clients"])


@router.post(
    "",
    operation_id="registerClient",
    summary="Register software",
    status_code=201,
    responses={
        200: {"model": ClientView, "description": "Already registered with these scopes and keys"},
        **problems(
            _403=f"{_NEEDED}; scope-not-grantable; organisation-never, whatever the caller's scopes",
            _409="client-name-taken, also by a client that is disabled",
            _422="client-invalid, scope-unknown, key-unusable, organisation-needed, structure-unknown, "
            "activity-needed, activity-invalid, certificate-subject-invalid",
        ),
    },
)
async def post_client(body: ClientBody, response: Response, caller: Administrator, pool: ServicePool) -> ClientView:
    """Registers a client.

    It then authenticates at POST /oauth/token with assertions signed by one of its keys (RFC 7523).
    """
    check_grantable(frozenset(body.scopes), caller.scopes)
    registered = await register_client(pool, body.client(), caller.actor())
    response.status_code = 201 if registered.is_new else 200
    return ClientView(client_id=registered.client_id)


@router.get(
    "",
    operation_id="listClients",
    summary="List registered software",
    responses=problems(_403=_NEEDED, _422="national-id-invalid"),
)
async def get_clients(
    _: Administrator,
    pool: ServicePool,
    organisation_id: Annotated[
        str | None, Query(max_length=64, description="only software of this structure", examples=["1750000001"])
    ] = None,
    status: Annotated[ClientStatus | None, Query(description="only clients with this status")] = None,
    after: Annotated[str, Query(max_length=64, description="`next` of the previous page")] = "",
    limit: Annotated[int, Query(ge=1, le=LONGEST_PAGE, description="largest number of clients on a page")] = 50,
) -> ClientsView:
    """Lists clients in the order of their registration, page after page."""
    structure = None if organisation_id is None else structure_id(organisation_id)
    return ClientsView.of(await list_clients(pool, ClientFilter(structure, status), after, limit))


@router.get(
    "/{client_id}",
    operation_id="getClient",
    summary="Show a client",
    responses=problems(_403=_NEEDED, _404="client-unknown"),
)
async def get_client(client_id: ClientId, _: Administrator, pool: ServicePool) -> RegistrationView:
    """Returns a client with its public keys, whatever its status."""
    return RegistrationView.of(await show_client(pool, client_id))


@router.patch(
    "/{client_id}",
    operation_id="changeClient",
    summary="Change a client's name, scopes or bindings",
    responses=problems(
        _403=_GRANTED,
        _404="client-unknown",
        _409="client-name-taken",
        _422="client-invalid, scope-unknown, key-unusable, certificate-subject-invalid",
    ),
)
async def patch_client(
    client_id: ClientId, body: ClientChangeBody, caller: Administrator, pool: ServicePool
) -> RegistrationView:
    """Changes what the body states. The next token has the new scopes; an earlier one lives five minutes at most.

    Without keys, a client keeps the subject of its certificate.
    """
    change = partial(registrations.change_data, change=body.change(), held=caller.scopes)
    return RegistrationView.of(await change_client(pool, client_id, caller.actor(), "change-client", change))


@router.post(
    "/{client_id}/keys",
    operation_id="addClientKeys",
    summary="Add keys to a client",
    responses=problems(
        _403=_GRANTED, _404="client-unknown", _409="client-key-id-taken", _422="key-unusable, also the fifth key"
    ),
)
async def post_keys(
    client_id: ClientId, body: ClientKeysBody, caller: Administrator, pool: ServicePool
) -> RegistrationView:
    """Adds public keys.

    The earlier ones are taken as well until they are removed, so that keys are replaced without a gap.
    """
    change = partial(registrations.add_keys, keys=body.keys, held=caller.scopes)
    return RegistrationView.of(await change_client(pool, client_id, caller.actor(), "add-client-keys", change))


@router.delete(
    "/{client_id}/keys/{kid:path}",
    operation_id="removeClientKey",
    summary="Remove a key of a client",
    responses=problems(_403=_GRANTED, _404="client-unknown, client-key-unknown", _409="client-key-last"),
)
async def delete_key(
    client_id: ClientId,
    kid: Annotated[str, Path(max_length=128, description="kid of the key")],
    caller: Administrator,
    pool: ServicePool,
) -> RegistrationView:
    """Removes a key: no assertion that it signs is taken from now on."""
    change = partial(registrations.remove_key, kid=kid, held=caller.scopes)
    return RegistrationView.of(await change_client(pool, client_id, caller.actor(), "remove-client-key", change))


@router.post(
    "/{client_id}/deactivate",
    operation_id="deactivateClient",
    summary="Deactivate a client",
    responses=problems(_403=_NEEDED, _404="client-unknown", _409="client-own"),
)
async def post_deactivation(client_id: ClientId, caller: Administrator, pool: ServicePool) -> RegistrationView:
    """Refuses the client every new token at once (invalid_client). Earlier tokens live five minutes at most."""
    change = partial(registrations.deactivate, caller=caller.actor())
    return RegistrationView.of(await change_client(pool, client_id, caller.actor(), "deactivate-client", change))


@router.post(
    "/{client_id}/reactivate",
    operation_id="reactivateClient",
    summary="Reactivate a client",
    responses=problems(_403=_GRANTED, _404="client-unknown"),
)
async def post_reactivation(client_id: ClientId, caller: Administrator, pool: ServicePool) -> RegistrationView:
    """Grants the client tokens again, with the scopes and keys that it has."""
    change = partial(registrations.reactivate, held=caller.scopes)
    return RegistrationView.of(await change_client(pool, client_id, caller.actor(), "reactivate-client", change))


@router.get(
    "/{client_id}/messaging",
    operation_id="getClientMessaging",
    summary="Show how software sends messages",
    responses=problems(_403=_NEEDED, _404="client-unknown"),
)
async def get_messaging(client_id: ClientId, _: Administrator, pool: ServicePool) -> MessagingView:
    """Returns its certificates, applications, lane and listener."""
    return MessagingView.of(await show_messaging(pool, client_id))


@router.put(
    "/{client_id}/messaging",
    operation_id="setClientMessaging",
    summary="Set how software sends messages (HL7 v2 over MLLP)",
    responses=problems(_403=_GRANTED, _404="client-unknown", _409="client-not-software", _422="messaging-invalid"),
)
async def put_messaging(
    client_id: ClientId, body: MessagingBody, caller: Administrator, pool: ServicePool
) -> MessagingView:
    """Replaces certificates, applications, lane and listener; in force once records has applied it, within seconds."""
    messaging = body.messaging()
    return MessagingView.of(await set_messaging(pool, client_id, caller.actor(), messaging, caller.scopes))
