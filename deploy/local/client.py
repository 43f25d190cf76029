"""Talks to the services over HTTP, as software with a key or as a person of the demonstration.

async with connect(endpoints.read(layout)) as dmp:
    hospital = dmp.software(client_id, key)
    answer = await hospital.call("POST", "records", "/fhir", content=bundle, headers=FHIR)
    patient = dmp.patient(record_id)
    await patient.call("PUT", "consent", f"/records/{record_id}/blocks/{professional_id}")
"""

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import orjson
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from deploy.local.errors import LocalError

FHIR = {"content-type": "application/fhir+json"}
_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_MARGIN_S = 30
_TIMEOUT = httpx.Timeout(30, connect=5)
_LIMITS = httpx.Limits(max_connections=100, max_keepalive_connections=100)


class UnreachableError(LocalError):
    """A service does not answer."""

    def __init__(self, service: str) -> None:
        super().__init__(f"{service} does not answer: look with `dmp status`")


class RefusedError(LocalError):
    """A service has answered with an error: its status, its stable code, and what to do."""

    def __init__(self, service: str, status: int, code: str, detail: str) -> None:
        detail = " ".join(detail.split())
        super().__init__(f"{service} refuses ({status} {code}): {detail}")
        self.status, self.code, self.detail = status, code, detail


@dataclass(frozen=True)
class Session:
    """Somebody who calls. The token is asked for when it is needed, and again before it ends."""

    http: httpx.AsyncClient
    urls: Mapping[str, str]
    who: str
    ask: Callable[[], Awaitable[tuple[str, int]]] = field(repr=False)
    _token: list[tuple[float, str]] = field(default_factory=list, repr=False)

    async def token(self) -> str:
        """A token that lives for a while yet. Raises RefusedError, UnreachableError."""
        if not self._token or self._token[-1][0] < time.monotonic() + _MARGIN_S:
            text, seconds = await self.ask()
            self._token[:] = [(time.monotonic() + seconds, text)]
        return self._token[-1][1]

    async def call(
        self, method: str, service: str, path: str, *, headers: Mapping[str, str] | None = None, **options: Any
    ) -> httpx.Response:
        """One request; `service` is a name, or `<name>-worker`. Raises RefusedError, UnreachableError."""
        carried = {**(headers or {}), "authorization": f"Bearer {await self.token()}"}
        return await send(self.http, self.urls, method, service, path, headers=carried, **options)


@dataclass(frozen=True)
class Dmp:
    """The services of one installation."""

    http: httpx.AsyncClient
    urls: Mapping[str, str]

    def software(self, client_id: str, key: ECKey) -> Session:
        """Registered software that proves itself with its key (private_key_jwt, RFC 7523)."""

        async def ask() -> tuple[str, int]:
            url = f"{self.urls['identity']}/oauth/token"
            form = {
                "grant_type": "client_credentials",
                "client_assertion_type": _ASSERTION,
                "client_assertion": assertion(client_id, key, url),
            }
            return _token_in(await send(self.http, self.urls, "POST", "identity", "/oauth/token", data=form))

        return Session(self.http, self.urls, client_id, ask)

    def patient(self, record_id: UUID | str) -> Session:
        """The holder of a record, by the demonstration's sign-in."""
        return self._signed_in(f"patient {record_id}", {"kind": "patient", "record_id": str(record_id)})

    def professional(self, professional_id: str, organisation_id: str | None = None, **stated: str) -> Session:
        """A professional of the directory, by the demonstration's sign-in. `stated`: mode, and
        in an emergency motive and patient."""
        body = {"kind": "professional", "professional_id": professional_id, **stated}
        if organisation_id is not None:
            body["organisation_id"] = organisation_id
        return self._signed_in(f"professional {professional_id}", body)

    def _signed_in(self, who: str, body: dict[str, str]) -> Session:
        async def ask() -> tuple[str, int]:
            return _token_in(await send(self.http, self.urls, "POST", "identity", "/demo/sign-in", json=body))

        return Session(self.http, self.urls, who, ask)


@asynccontextmanager
async def connect(found: Mapping[str, Any]) -> AsyncIterator[Dmp]:
    """The services named in `endpoints.json`."""
    urls = {name: service["api"] for name, service in found["services"].items()}
    urls |= {f"{name}-worker": service["worker"] for name, service in found["services"].items()}
    async with httpx.AsyncClient(timeout=_TIMEOUT, limits=_LIMITS, trust_env=False) as http:
        yield Dmp(http, urls)


async def send(
    http: httpx.AsyncClient, urls: Mapping[str, str], method: str, service: str, path: str, **options: Any
) -> httpx.Response:
    """One request without a token. Raises RefusedError, UnreachableError."""
    try:
        response = await http.request(method, urls[service] + path, **options)
    except httpx.HTTPError as error:
        raise UnreachableError(service) from error
    if response.is_error:
        code, detail = problem_in(response)
        raise RefusedError(service, response.status_code, code, detail)
    return response


def assertion(client_id: str, key: ECKey, audience: str) -> str:
    """A JWT by which the client proves itself once."""
    now = int(time.time())
    claims = {"iss": client_id, "sub": client_id, "aud": audience, "iat": now, "exp": now + 60, "jti": str(uuid4())}
    return jwt.encode({"alg": "ES256", "kid": key.kid}, claims, key)


def problem_in(response: httpx.Response) -> tuple[str, str]:
    """The stable code and the words of an error: problem+json, an OperationOutcome, or OAuth's form."""
    try:
        body = orjson.loads(response.content)
    except ValueError:
        return "unexpected-answer", "the answer is no JSON"
    if not isinstance(body, dict):
        return "unexpected-answer", "the answer is no error that is known here"
    if body.get("resourceType") == "OperationOutcome":
        return outcome_in(body)
    return str(body.get("code", body.get("error", "unknown"))), str(
        body.get("detail", body.get("error_description", ""))
    )


def outcome_in(outcome: Mapping[str, Any]) -> tuple[str, str]:
    """The code of the first issue, and what all issues say."""
    issues = outcome.get("issue") or [{}]
    codes = [coding.get("code") for one in issues for coding in one.get("details", {}).get("coding", [])]
    told = [one.get("diagnostics", "") + _place(one) for one in issues]
    return str(next(iter(codes), issues[0].get("code", "unknown"))), " ".join(dict.fromkeys(filter(None, told)))


def load_key(path: Path) -> ECKey:
    """A client's private key from its file. Raises LocalError."""
    try:
        key = ECKey.import_key(orjson.loads(path.read_bytes()))
    except FileNotFoundError:
        raise LocalError(f"the key {path} is not there: make it with `dmp bootstrap`") from None
    except (JoseError, ValueError, TypeError, KeyError, AttributeError):
        raise LocalError(f"{path} is not a private JWK: put it back") from None  # the cause may quote the key
    if not key.is_private:
        raise LocalError(f"{path} is a public JWK: put the private one back")
    return key


def _place(issue: Mapping[str, Any]) -> str:
    expression = issue.get("expression")
    return f" (at {', '.join(expression)})" if expression else ""


def _token_in(response: httpx.Response) -> tuple[str, int]:
    body = response.json()
    return str(body["access_token"]), int(body["expires_in"])
