"""OAuth 2.0 for software, and what the world may know of the issuer."""

from typing import Any
from urllib.parse import parse_qsl

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from services.identity.api.context import OurContext
from services.identity.domain.assertions import GrantUnsupportedError, OAuthError, TokenRequestError, claimed_client
from services.identity.models.tokens import IssuerView, JwksView, TokenView
from services.identity.usecases.grant_token import grant_token
from shared.http.app import ServicePool
from shared.metrics import REFUSED

router = APIRouter(tags=["tokens"])
GRANT = "client_credentials"
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
FORM = "application/x-www-form-urlencoded"
MOST_FIELDS = 20
NO_STORE = {"cache-control": "no-store", "pragma": "no-cache"}
PUBLISHED = {"cache-control": "public, max-age=300"}

_TEXT = {"type": "string"}
_REQUEST: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            FORM: {
                "schema": {
                    "type": "object",
                    "required": ["grant_type", "client_assertion_type", "client_assertion"],
                    "properties": {
                        "grant_type": {"const": GRANT},
                        "client_assertion_type": {"const": ASSERTION},
                        "client_assertion": {
                            **_TEXT,
                            "description": "JWT, iss = sub = client id, single use, <= 5 min",
                        },
                        "client_id": {**_TEXT, "description": "if sent, the assertion's sub"},
                        "scope": {**_TEXT, "description": "separated by blanks; all of the client's when absent"},
                    },
                }
            }
        },
    }
}
_ERROR = {
    "description": "error and error_description (RFC 6749, section 5.2), and our stable code",
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "properties": {"error": _TEXT, "error_description": _TEXT, "code": _TEXT},
            }
        }
    },
}


@router.post(
    "/oauth/token",
    summary="A token for registered software",
    openapi_extra=_REQUEST,
    responses={400: _ERROR, 401: _ERROR},
)
async def post_token(request: Request, response: Response, pool: ServicePool, context: OurContext) -> TokenView:
    """client_credentials with private_key_jwt."""
    form = _form(request.headers.get("content-type", ""), await request.body())
    if form.get("grant_type", GRANT) != GRANT:
        raise GrantUnsupportedError
    assertion = form.get("client_assertion", "")
    if "grant_type" not in form or form.get("client_assertion_type") != ASSERTION or not assertion:
        raise TokenRequestError
    if "client_id" in form and form["client_id"] != claimed_client(assertion):
        raise TokenRequestError
    token = await grant_token(pool, context.issuer, assertion, frozenset(form.get("scope", "").split()))
    response.headers.update(NO_STORE)
    return TokenView.of(token)


@router.get("/.well-known/jwks.json", summary="The keys that sign access tokens")
async def get_jwks(response: Response, context: OurContext) -> JwksView:
    """Public keys (RFC 7517). Look again at an unknown `kid`, and every five minutes."""
    response.headers.update(PUBLISHED)
    return JwksView(keys=context.issuer.keys.published())


@router.get("/.well-known/oauth-authorization-server", summary="How to ask for tokens")
async def get_issuer(response: Response, context: OurContext) -> IssuerView:
    """Authorization server metadata (RFC 8414)."""
    response.headers.update(PUBLISHED)
    return IssuerView.of(context.issuer)


async def answer_refusal(_: Request, error: Exception) -> Response:
    """The form that OAuth software expects (RFC 6749, section 5.2)."""
    assert isinstance(error, OAuthError)
    REFUSED.labels("grant-token", error.code).inc()
    description = " ".join(str(error).split())
    body = {"error": error.error, "error_description": description, "code": error.code}
    return JSONResponse(body, error.status, headers=NO_STORE)


def _form(content_type: str, body: bytes) -> dict[str, str]:
    """The fields of a form, each at most once. Raises TokenRequestError."""
    try:
        if content_type.partition(";")[0].strip().lower() != FORM:
            raise TokenRequestError
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError as error:
        raise TokenRequestError from error
    form = dict(pairs)
    if len(form) != len(pairs):
        raise TokenRequestError
    return form
