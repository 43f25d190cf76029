"""OAuth 2.0 for software, and what the world may know of the issuer."""

from typing import Any, Literal
from urllib.parse import parse_qsl

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from services.identity.api.context import OurContext
from services.identity.domain.assertions import GrantUnsupportedError, OAuthError, TokenRequestError, claimed_client
from services.identity.domain.edge import CERTIFICATE_HEADER
from services.identity.domain.modes import Stated, check_fitting
from services.identity.domain.tokens import AccessToken
from services.identity.models.tokens import ExchangedView, IssuerView, JwksView, TokenView
from services.identity.usecases.exchange_token import SubjectToken, exchange_token
from services.identity.usecases.grant_token import grant_token
from services.identity.usecases.prove_client import CertificateProof, ClientProof
from services.identity.usecases.state_access import state_access
from shared.errors import ClientError
from shared.http.app import ServicePool
from shared.http.door import Door
from shared.runtime.metrics import REFUSED

router = APIRouter(route_class=Door, tags=["tokens"])
GRANT = "client_credentials"
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
SUBJECT_TOKENS: dict[str, Literal["Bearer", "ID"]] = {
    "urn:ietf:params:oauth:token-type:access_token": "Bearer",
    "urn:ietf:params:oauth:token-type:id_token": "ID",
}
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
                    "required": ["grant_type"],
                    "properties": {
                        "grant_type": {"enum": [GRANT, EXCHANGE]},
                        "client_assertion_type": {"const": ASSERTION},
                        "client_assertion": {
                            **_TEXT,
                            "description": "JWT, iss = sub = client id, single use, <= 5 min",
                        },
                        "client_id": {
                            **_TEXT,
                            "description": "the assertion's sub; alone with the certificate of the structure "
                            "(tls_client_auth, RFC 8705) instead of an assertion",
                        },
                        "subject_token": {
                            **_TEXT,
                            "description": "for token exchange (RFC 8693): of Pro Santé Connect, given to the software",
                        },
                        "subject_token_type": {"enum": list(SUBJECT_TOKENS)},
                        "mode": {**_TEXT, "description": "access mode of the professional; normal when absent"},
                        "motive": {**_TEXT, "description": "of an emergency"},
                        "patient": {**_TEXT, "description": "of an emergency: urn:oid:<OID>|<INS>"},
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
    summary="A token for registered software, or for the professional who uses it",
    openapi_extra=_REQUEST,
    response_model=TokenView | ExchangedView,
    responses={400: _ERROR, 401: _ERROR, 403: _ERROR, 503: _ERROR},
)
async def post_token(
    request: Request, response: Response, pool: ServicePool, context: OurContext
) -> TokenView | ExchangedView | Response:
    """client_credentials, or token exchange; software proves itself with private_key_jwt or tls_client_auth."""
    form = _form(request.headers.get("content-type", ""), await request.body())
    grant = form.get("grant_type", GRANT)
    if grant not in (GRANT, EXCHANGE):
        raise GrantUnsupportedError
    try:
        proof = await _proof(form, request, context)
        motives, asked = context.entrances.rules.motives, (form.get("mode"), form.get("motive"), form.get("patient"))
        stated = await state_access(pool, context.keyrings, motives, *asked)
        if grant == EXCHANGE:
            token = await _exchange(form, proof, stated, pool, context)
        else:
            check_fitting(stated, "software")
            token = await grant_token(pool, context.issuer, proof, frozenset(form.get("scope", "").split()))
    except ClientError as error:
        return _refused(error)
    response.headers.update(NO_STORE)
    return ExchangedView.of(token) if grant == EXCHANGE else TokenView.of(token)


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
    return _refused(error)


async def _exchange(
    form: dict[str, str], proof: ClientProof, stated: Stated, pool: ServicePool, context: OurContext
) -> AccessToken:
    kind = SUBJECT_TOKENS.get(form.get("subject_token_type", ""))
    if kind is None or not form.get("subject_token") or "actor_token" in form:
        raise TokenRequestError
    token, entrances = SubjectToken(form["subject_token"], kind), context.entrances
    provider = entrances.asked_provider()
    return await exchange_token(pool, context.issuer, provider, entrances.rules, proof, token, stated)


async def _proof(form: dict[str, str], request: Request, context: OurContext) -> ClientProof:
    """An assertion, or the client id with the certificate of its structure."""
    if "grant_type" not in form:
        raise TokenRequestError
    assertion = form.get("client_assertion")
    if assertion is None and CERTIFICATE_HEADER in request.headers and form.get("client_id"):
        return CertificateProof(form["client_id"], await context.entrances.presented(request, "organisation"))
    if form.get("client_assertion_type") != ASSERTION or not assertion:
        raise TokenRequestError
    if "client_id" in form and form["client_id"] != claimed_client(assertion):
        raise TokenRequestError
    return assertion


def _refused(error: ClientError) -> JSONResponse:
    REFUSED.labels("grant-token", error.code).inc()
    oauth_error = error.error if isinstance(error, OAuthError) else "invalid_request"
    body = {"error": oauth_error, "error_description": " ".join(str(error).split()), "code": error.code}
    return JSONResponse(body, error.status if error.status in (401, 403, 503) else 400, headers=NO_STORE)


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
