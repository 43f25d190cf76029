"""Routes for the registration of software clients."""

from fastapi import APIRouter, Response

from services.identity.clients.domain.clients import check_grantable
from services.identity.clients.models.clients import ClientBody, ClientView
from services.identity.clients.usecases.register_client import register_new_client
from services.identity.kit.problems import problems
from shared.http.app import AuthenticatedCaller, ServicePool
from shared.http.door import Door

router = APIRouter(route_class=Door, tags=["clients"])


@router.post(
    "/clients",
    summary="Register software",
    status_code=201,
    responses={
        200: {"model": ClientView, "description": "Already registered with these scopes and keys"},
        **problems(
            _403="needs the scope clients.write; scope-not-grantable; organisation-never, whatever the caller's scopes",
            _409="client-name-taken",
            _422="client-invalid, scope-unknown, key-unusable, organisation-needed, structure-unknown, "
            "activity-needed, activity-invalid, certificate-subject-invalid",
        ),
    },
)
async def post_client(
    body: ClientBody, response: Response, caller: AuthenticatedCaller, pool: ServicePool
) -> ClientView:
    """Registers a client, which then authenticates at POST /oauth/token with assertions signed by one of its keys (RFC
    7523)."""
    caller.require("clients.write")
    check_grantable(frozenset(body.scopes), caller.scopes)
    registered = await register_new_client(pool, body.client())
    response.status_code = 201 if registered.is_new else 200
    return ClientView(client_id=registered.client_id)
