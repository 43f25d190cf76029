"""An OpenID provider that replaces Pro Santé Connect, for invented professionals on this machine.

`python -m deploy.local.platform.psc PORT FOLDER`: FOLDER/psc.json names the client, its secret, its redirect URI and
the people. OpenID Connect Core 1.0: code flow with PKCE S256 only. A person signs in by choosing a name, so the
provider listens on the loopback only. Codes are kept in memory and are valid once, for a minute.
"""

import base64
import hashlib
import html
import json
import secrets
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import parse_qsl, urlencode

import uvicorn
from fastapi import FastAPI, Header, Query, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey
from pydantic import BaseModel, ConfigDict

from deploy.local.platform.ports import HOST

CODE_S, TOKEN_S = 60, 300
ALGORITHM = "RS256"


@dataclass(frozen=True)
class Person:
    """An invented professional: PS_IdNat, profession (TRE_G15), savoir-faire and FINESS numbers of the structures."""

    id: str
    name: str
    profession: str = "10"
    specialty: str = ""
    finess: tuple[str, ...] = ()

    def userinfo(self) -> dict[str, Any]:
        """Returns the claims of the userinfo endpoint, in the form of Pro Santé Connect."""
        given_name, _, family_name = self.name.partition(" ")
        activities = [{"numeroFinessSite": number} for number in self.finess]
        exercise = {"codeProfession": self.profession, "codeCategorieProfessionnelle": "C", "activities": activities}
        return {
            "sub": f"f:local:{self.id}",
            "SubjectNameID": self.id,
            "SubjectRole": [f"{self.profession}^1.2.250.1.213.1.1.5.5"],
            "SubjectOrganizationID": f"1{self.finess[0]}" if self.finess else "",
            "SubjectRefPro": {"exercices": [{**exercise, "codeSavoirFaire": self.specialty}]},
            "given_name": given_name,
            "family_name": family_name,
            "preferred_username": self.id,
        }


@dataclass(frozen=True)
class Client:
    """A registered client; its redirect URIs, of the API and of the pages, are compared character by character."""

    id: str
    secret: str
    redirect_uri: str
    pages_uri: str = ""

    def leads_to(self, uri: str) -> bool:
        """Whether this is one of its redirect URIs."""
        return bool(uri) and uri in (self.redirect_uri, self.pages_uri)


@dataclass(frozen=True)
class _Code:
    person: Person
    client: Client
    nonce: str
    challenge: str
    redirect_uri: str
    expires_at: float


def new_key() -> RSAKey:
    """Returns a new signing key."""
    return RSAKey.generate_key(2048, {"kid": secrets.token_hex(8), "use": "sig", "alg": ALGORITHM}, private=True)


@dataclass
class Provider:
    """The provider's state: people, clients, the signing key, the JWKs published beside it, and the issued codes."""

    issuer: str
    people: Sequence[Person]
    clients: Sequence[Client]
    key: RSAKey = field(default_factory=new_key)
    other_keys: Sequence[object] = ()
    codes: dict[str, _Code] = field(default_factory=dict)

    def person(self, identifier: str) -> Person | None:
        """Returns the person with the identifier, or None."""
        return next((person for person in self.people if person.id == identifier), None)

    def hand_out(self, person: Person, client: Client, nonce: str, challenge: str, redirect_uri: str = "") -> str:
        """Returns a new code, valid once and for a minute. `redirect_uri`: by default that of the API."""
        code = secrets.token_urlsafe(32)
        uri = redirect_uri or client.redirect_uri
        self.codes[code] = _Code(person, client, nonce, challenge, uri, time.time() + CODE_S)
        return code

    def redeem(self, form: dict[str, str]) -> dict[str, Any] | None:
        """Exchanges a code for tokens (RFC 6749, section 4.1.3; RFC 7636, section 4.6).

        Returns None if a parameter differs. The code is used up in either case.
        """
        code = self.codes.pop(form.get("code", ""), None)
        if code is None or code.expires_at < time.time() or form.get("grant_type") != "authorization_code":
            return None
        client, verifier = code.client, form.get("code_verifier", "")
        presented = (form.get("client_id"), form.get("client_secret"), form.get("redirect_uri"))
        if presented != (client.id, client.secret, code.redirect_uri) or s256(verifier) != code.challenge:
            return None
        id_token = self.id_token(code.person, client.id, nonce=code.nonce)
        access_token = self.access_token(code.person, client.id)
        return {"id_token": id_token, "access_token": access_token, "token_type": "Bearer", "expires_in": TOKEN_S}

    def id_token(self, person: Person, client_id: str, **claims: Any) -> str:
        """Returns a signed ID token; `claims` are added, or replace standard claims."""
        standard = {"typ": "ID", "aud": client_id, "azp": client_id, "acr": "eidas1", "SubjectNameID": person.id}
        return self.sign({**self._common(person), **standard, **claims})

    def access_token(self, person: Person, client_id: str, **claims: Any) -> str:
        """Returns a signed access token; `claims` are added, or replace standard claims."""
        return self.sign({**self._common(person), "typ": "Bearer", "azp": client_id, **claims})

    def sign(self, claims: dict[str, Any]) -> str:
        """Returns a JWT, signed with the present key."""
        return jwt.encode({"alg": ALGORITHM, "kid": self.key.kid}, claims, self.key, [ALGORITHM])

    def userinfo(self, token: str) -> dict[str, Any] | None:
        """Returns the claims for the bearer of an access token, or None if the token is not valid."""
        try:
            claims = jwt.decode(token, self.key, algorithms=[ALGORITHM]).claims
        except (JoseError, ValueError):
            return None
        person = self.person(str(claims.get("sub", "")).rpartition(":")[2])
        valid = claims.get("typ") == "Bearer" and claims.get("exp", 0) > time.time()
        return person.userinfo() if person is not None and valid else None

    def _common(self, person: Person) -> dict[str, Any]:
        now = int(time.time())
        times = {"auth_time": now, "iat": now, "exp": now + TOKEN_S}
        return {"iss": self.issuer, "sub": f"f:local:{person.id}", **times}


def s256(verifier: str) -> str:
    """Returns the code challenge of a verifier (RFC 7636, section 4.2)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")


def make_provider(provider: Provider) -> FastAPI:
    """Returns the provider's web application."""
    app = FastAPI(title="psc", docs_url=None, redoc_url=None, openapi_url=None)

    @app.get("/.well-known/openid-configuration")
    async def discovery() -> dict[str, Any]:
        places = {
            "authorization_endpoint": "auth",
            "token_endpoint": "token",
            "userinfo_endpoint": "userinfo",
            "jwks_uri": "certs",
        }
        supported = {"code_challenge_methods_supported": ["S256"], "response_types_supported": ["code"]}
        return {"issuer": provider.issuer, **supported} | {
            name: f"{provider.issuer}/{place}" for name, place in places.items()
        }

    @app.get("/readyz")
    async def ready() -> dict[str, str]:
        return {"status": "ready"}

    @app.get("/certs")
    async def certs() -> dict[str, Any]:
        return {"keys": [*provider.other_keys, provider.key.as_dict(private=False)]}

    @app.get("/auth")
    async def auth(request: Annotated[_AuthorizationRequest, Query()]) -> Response:
        return _authorize(provider, request)

    @app.post("/token")
    async def token(request: Request) -> Response:
        tokens = provider.redeem(dict(parse_qsl((await request.body()).decode())))
        headers = {"cache-control": "no-store"}
        return JSONResponse(tokens or {"error": "invalid_grant"}, 200 if tokens else 400, headers)

    @app.get("/userinfo")
    async def userinfo(authorization: Annotated[str, Header()] = "") -> Response:
        claims = provider.userinfo(authorization.removeprefix("Bearer "))
        return JSONResponse(claims or {"error": "invalid_token"}, 200 if claims else 401)

    return app


class _AuthorizationRequest(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")
    response_type: str = ""
    client_id: str = ""
    redirect_uri: str = ""
    scope: str = ""
    state: str = ""
    nonce: str = ""
    code_challenge: str = ""
    code_challenge_method: str = ""
    acr_values: str = ""
    person: str = ""


def _authorize(provider: Provider, request: _AuthorizationRequest) -> Response:
    """Answers an authorization request: a page with the names; with `person`, a redirect with a code."""
    client = next((client for client in provider.clients if client.id == request.client_id), None)
    if client is None or not client.leads_to(request.redirect_uri):
        return JSONResponse({"error": "invalid_request"}, 400)  # no redirect to an unregistered URI
    is_valid = request.response_type == "code" and "openid" in request.scope.split() and request.state and request.nonce
    if not is_valid or request.code_challenge_method != "S256" or len(request.code_challenge) != 43:
        return _back(request.redirect_uri, {"error": "invalid_request", "state": request.state})
    if not request.person:
        return HTMLResponse(_page(provider, request))
    person = provider.person(request.person)
    if person is None:
        return _back(request.redirect_uri, {"error": "access_denied", "state": request.state})
    code = provider.hand_out(person, client, request.nonce, request.code_challenge, request.redirect_uri)
    return _back(request.redirect_uri, {"code": code, "state": request.state, "iss": provider.issuer})


def _back(redirect_uri: str, answer: dict[str, str]) -> Response:
    return RedirectResponse(f"{redirect_uri}?{urlencode(answer)}", 303)


def _page(provider: Provider, request: _AuthorizationRequest) -> str:
    query = {name: value for name, value in request.model_dump().items() if value}
    links = "".join(
        f'<li><a href="?{html.escape(urlencode({**query, "person": person.id}))}">{html.escape(person.name)}</a></li>'
        for person in provider.people
    )
    return f"<!doctype html><title>Test provider</title><h1>Who are you? (invented people)</h1><ul>{links}</ul>"


def load(folder: Path, port: int) -> Provider:
    """Reads FOLDER/psc.json. Returns the provider, with a new signing key."""
    config = json.loads((folder / "psc.json").read_text("utf-8"))
    people = [Person(**{**person, "finess": tuple(person.get("finess", ()))}) for person in config["people"]]
    return Provider(f"http://{HOST}:{port}", people, [Client(**client) for client in config["clients"]])


if __name__ == "__main__":
    uvicorn.run(
        make_provider(load(Path(sys.argv[2]), int(sys.argv[1]))), host=HOST, port=int(sys.argv[1]), access_log=False
    )
