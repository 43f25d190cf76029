"""The OAuth 2.0 token endpoint, and the public keys and metadata of the issuer."""

from typing import Any, Literal
from urllib.parse import parse_qsl

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from services.identity.clients.api.dependencies import CertificateAuth, ProvidedIssuer
from services.identity.clients.domain.assertions import (
    GrantUnsupportedError,
    OAuthError,
    TokenRequestError,
    unverified_client_id,
)
from services.identity.clients.domain.edge import CERTIFICATE_HEADER
from services.identity.clients.domain.tokens import AccessToken
from services.identity.clients.models import TokenView
from services.identity.clients.steps import CertificateProof, ClientProof
from services.identity.kit.unit_of_work import Storage
from services.identity.oauth.models import ExchangedTokenView, IssuerView, JwksView, TokenErrorView
from services.identity.oauth.usecases.exchange_token import SubjectToken, exchange_token
from services.identity.oauth.usecases.grant_token import grant_token
from services.identity.professionals.api import ProvidedSignInContext, SignInContext
from services.identity.professionals.domain.modes import StatedAccess, check_mode_allowed
from services.identity.professionals.usecases.resolve_stated_access import resolve_stated_access
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
MAX_FIELDS = 20
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
                            "description": "JWT with iss = sub = client id, single use, valid for at most 5 minutes",
                        },
                        "client_id": {
                            **_TEXT,
                            "description": "the sub of the assertion; with the certificate of the structure "
                            "(tls_client_auth, RFC 8705), no assertion is needed",
                        },
                        "subject_token": {
                            **_TEXT,
                            "description": "for token exchange (RFC 8693): "
                            "a token that Pro Santé Connect issued to the software",
                        },
                        "subject_token_type": {"enum": list(SUBJECT_TOKENS)},
                        "mode": {**_TEXT, "description": "access mode of the professional; default: normal"},
                        "motive": {**_TEXT, "description": "motive of an emergency"},
                        "patient": {**_TEXT, "description": "patient of an emergency: urn:oid:<OID>|<INS>"},
                        "scope": {
                            **_TEXT,
                            "description": "scopes separated by blanks; default: all scopes of the client",
                        },
                    },
                }
            }
        },
    }
}
_ERROR: dict[str, Any] = {"model": TokenErrorView, "description": "the error codes of RFC 6749, section 5.2"}


@router.post(
    "/oauth/token",
    operation_id="issueToken",
    summary="Issue a token to registered software, or for the professional who uses it",
    openapi_extra=_REQUEST,
    response_model=TokenView | ExchangedTokenView,
    responses={400: _ERROR, 401: _ERROR, 403: _ERROR, 503: _ERROR},
)
async def post_token(
    request: Request,
    response: Response,
    pool: ServicePool,
    context: ProvidedSignInContext,
) -> TokenView | ExchangedTokenView | Response:
    """Grants an access token, by client_credentials or token exchange.

    Software authenticates with private_key_jwt or tls_client_auth.
    """
    form = _form(request.headers.get("content-type", ""), await request.body())
    grant = form.get("grant_type", GRANT)
    if grant not in (GRANT, EXCHANGE):
        raise GrantUnsupportedError
    try:
        proof = await _proof(form, request, context.certificates)
        stated_access = await resolve_stated_access(
            Storage(pool, context.keyrings),
            context.rules.motives,
            form.get("mode"),
            form.get("motive"),
            form.get("patient"),
        )
        if grant == EXCHANGE:
            token = await _exchange(form, proof, stated_access, pool, context)
        else:
            check_mode_allowed(stated_access, "software")
            token = await grant_token(pool, context.issuer, proof, frozenset(form.get("scope", "").split()))
    except ClientError as error:
        return _error_response(error)
    response.headers.update(NO_STORE)
    return ExchangedTokenView.of(token) if grant == EXCHANGE else TokenView.of(token)


@router.get("/.well-known/jwks.json", operation_id="getTokenKeys", summary="Public keys of access tokens")
async def get_jwks(response: Response, issuer: ProvidedIssuer) -> JwksView:
    """Returns the public keys (RFC 7517).

    Fetch them again every five minutes, and when a token has an unknown `kid`.
    """
    response.headers.update(PUBLISHED)
    return JwksView(keys=issuer.keys.published())


@router.get(
    "/.well-known/oauth-authorization-server", operation_id="getIssuer", summary="Authorization server metadata"
)
async def get_issuer(response: Response, issuer: ProvidedIssuer) -> IssuerView:
    """Returns the authorization server metadata (RFC 8414)."""
    response.headers.update(PUBLISHED)
    return IssuerView.of(issuer)


async def handle_oauth_error(_: Request, error: Exception) -> Response:
    """Returns the error response of RFC 6749, section 5.2."""
    assert isinstance(error, OAuthError)
    return _error_response(error)


async def _exchange(
    form: dict[str, str], proof: ClientProof, stated_access: StatedAccess, pool: ServicePool, context: SignInContext
) -> AccessToken:
    kind = SUBJECT_TOKENS.get(form.get("subject_token_type", ""))
    if kind is None or not form.get("subject_token") or "actor_token" in form:
        raise TokenRequestError
    token, provider = SubjectToken(form["subject_token"], kind), context.provider.require()
    return await exchange_token(pool, context.issuer, provider, context.rules, proof, token, stated_access)


async def _proof(form: dict[str, str], request: Request, certificates: CertificateAuth) -> ClientProof:
    """Returns the client's proof: an assertion, or its client id with the certificate of its structure."""
    if "grant_type" not in form:
        raise TokenRequestError
    assertion = form.get("client_assertion")
    if assertion is None and CERTIFICATE_HEADER in request.headers and form.get("client_id"):
        return CertificateProof(form["client_id"], await certificates.presented_certificate(request, "organisation"))
    if form.get("client_assertion_type") != ASSERTION or not assertion:
        raise TokenRequestError
    if "client_id" in form and form["client_id"] != unverified_client_id(assertion):
        raise TokenRequestError
    return assertion


def _error_response(error: ClientError) -> JSONResponse:
    REFUSED.labels("grant-token", error.code).inc()
    oauth_error = error.error if isinstance(error, OAuthError) else "invalid_request"
    body = {"error": oauth_error, "error_description": " ".join(str(error).split()), "code": error.code}
    return JSONResponse(body, error.status if error.status in (401, 403, 503) else 400, headers=NO_STORE)


def _form(content_type: str, body: bytes) -> dict[str, str]:
    """Returns the fields of a form, each at most once. Raises TokenRequestError."""
    try:
        if content_type.partition(";")[0].strip().lower() != FORM:
            raise TokenRequestError
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=MAX_FIELDS)
    except ValueError as error:
        raise TokenRequestError from error
    form = dict(pairs)
    if len(form) != len(pairs):
        raise TokenRequestError
    return form
