"""An HTTP client of the services for registered software, which authenticates with its key."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import orjson

from deploy.cli.errors import LocalError

if TYPE_CHECKING:
    import httpx2
    from joserfc.jwk import ECKey

_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_MARGIN_S = 30
_TIMEOUT_S, _CONNECT_TIMEOUT_S, _CONNECTIONS = 30, 5, 100


class UnreachableError(LocalError):
    """The service does not answer."""

    def __init__(self, service: str) -> None:
        super().__init__(f"{service} does not answer: look with `dmp status`")


class RefusedError(LocalError):
    """The service has answered with an error: HTTP status, stable code, and a detail that says what to do.

    `retry_after`: the seconds after which it says that another attempt makes sense, if it does.
    """

    def __init__(self, service: str, status: int, code: str, detail: str, retry_after: int | None = None) -> None:
        detail = " ".join(detail.split())
        super().__init__(f"{service} refuses ({status} {code}): {detail}")
        self.status, self.code, self.detail = status, code, detail
        self.retry_after = retry_after


@dataclass(frozen=True)
class Session:
    """A caller with its access token, which is requested when needed and renewed before it expires."""

    http: httpx2.AsyncClient
    urls: Mapping[str, str]
    who: str
    ask: Callable[[], Awaitable[tuple[str, int]]] = field(repr=False)
    _token: list[tuple[float, str]] = field(default_factory=list, repr=False)

    async def token(self) -> str:
        """Returns a token that is valid for 30 seconds at least. Raises RefusedError, UnreachableError."""
        if not self._token or self._token[-1][0] < time.monotonic() + _MARGIN_S:
            text, seconds = await self.ask()
            self._token[:] = [(time.monotonic() + seconds, text)]
        return self._token[-1][1]

    async def call(
        self, method: str, service: str, path: str, *, headers: Mapping[str, str] | None = None, **options: Any
    ) -> httpx2.Response:
        """Sends a request with the token; `service` is a name, or `<name>-worker`.

        Raises RefusedError, UnreachableError.
        """
        carried = {**(headers or {}), "authorization": f"Bearer {await self.token()}"}
        return await send(self.http, self.urls, method, service, path, headers=carried, **options)


async def ask_each(
    operator: Session, services: Sequence[str], path: str, seconds: float
) -> tuple[dict[str, Any], dict[str, str]]:
    """Returns what the workers of these services answer to a GET, by service, and why others could not.

    Raises LocalError if the operator gets no token.
    """
    await operator.token()
    calls = (operator.call("GET", f"{service}-worker", path, timeout=seconds) for service in services)
    answers, failures = {}, {}
    for service, answer in zip(services, await asyncio.gather(*calls, return_exceptions=True), strict=True):
        if isinstance(answer, LocalError):
            failures[service] = str(answer)
        elif isinstance(answer, BaseException):
            raise answer
        else:
            answers[service] = answer.json()
    return answers, failures


def software_session(
    http: httpx2.AsyncClient, urls: Mapping[str, str], client_id: str, key: ECKey, issuer: str = ""
) -> Session:
    """Returns a session of registered software that authenticates with its key (private_key_jwt, RFC 7523).

    `urls`: the base URL of each API and worker; the token is identity's. `issuer`: identity's own name for itself,
    where it is another than its URL.
    """

    async def ask() -> tuple[str, int]:
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": _ASSERTION,
            "client_assertion": assertion(client_id, key, issuer or f"{urls['identity']}/oauth/token"),
        }
        return token_in(await send(http, urls, "POST", "identity", "/oauth/token", data=form))

    return Session(http, urls, client_id, ask)


@asynccontextmanager
async def open_http(
    ca_file: Path | None = None, certificate_file: Path | None = None
) -> AsyncIterator[httpx2.AsyncClient]:
    """Opens an HTTP client with the time limits of a command; it takes no proxy from the environment.

    `ca_file`: the authorities that certify the services; the system's unless said. `certificate_file`: the certificate
    that it shows, with its key. Raises LocalError.
    """
    import ssl

    import httpx2

    try:
        context = ssl.create_default_context(cafile=ca_file)
    except OSError:
        raise LocalError(f"{ca_file} cannot be read, or holds no certificate in PEM") from None
    try:
        if certificate_file is not None:
            context.load_cert_chain(certificate_file)
    except OSError:
        raise LocalError(f"{certificate_file} cannot be read, or holds no certificate with its key in PEM") from None

    timeout = httpx2.Timeout(_TIMEOUT_S, connect=_CONNECT_TIMEOUT_S)
    limits = httpx2.Limits(max_connections=_CONNECTIONS, max_keepalive_connections=_CONNECTIONS)
    async with httpx2.AsyncClient(timeout=timeout, limits=limits, trust_env=False, verify=context) as http:
        yield http


async def send(
    http: httpx2.AsyncClient, urls: Mapping[str, str], method: str, service: str, path: str, **options: Any
) -> httpx2.Response:
    """Sends a request without a token. Raises RefusedError, UnreachableError."""
    import httpx2

    try:
        response = await http.request(method, urls[service] + path, **options)
    except httpx2.HTTPError as error:
        raise UnreachableError(service) from error
    if response.is_error:
        code, detail = problem_in(response)
        seconds = response.headers.get("retry-after", "")
        raise RefusedError(service, response.status_code, code, detail, int(seconds) if seconds.isdecimal() else None)
    return response


def assertion(client_id: str, key: ECKey, audience: str) -> str:
    """Returns a client assertion (RFC 7523) for one use within a minute."""
    from joserfc import jwt

    now = int(time.time())
    claims = {"iss": client_id, "sub": client_id, "aud": audience, "iat": now, "exp": now + 60, "jti": str(uuid4())}
    return jwt.encode({"alg": "ES256", "kid": key.kid}, claims, key)


def problem_in(response: httpx2.Response) -> tuple[str, str]:
    """Returns code and detail of an error: problem+json (RFC 9457), an OperationOutcome, or OAuth (RFC 6749, 5.2)."""
    try:
        body = orjson.loads(response.content)
    except ValueError:
        return "unexpected-answer", "the answer is not JSON"
    if not isinstance(body, dict):
        return "unexpected-answer", "the answer is an error of an unknown form"
    if body.get("resourceType") == "OperationOutcome":
        return outcome_in(body)
    return str(body.get("code", body.get("error", "unknown"))), str(
        body.get("detail", body.get("error_description", ""))
    )


def outcome_in(outcome: Mapping[str, Any]) -> tuple[str, str]:
    """Returns the code of the first issue, and the diagnostics of all issues."""
    issues = outcome.get("issue") or [{}]
    codes = [coding.get("code") for issue in issues for coding in issue.get("details", {}).get("coding", [])]
    messages = [issue.get("diagnostics", "") + _place(issue) for issue in issues]
    return str(next(iter(codes), issues[0].get("code", "unknown"))), " ".join(dict.fromkeys(filter(None, messages)))


def load_key(path: Path) -> ECKey:
    """Reads a client's private key from its file. Raises LocalError."""
    from joserfc.errors import JoseError
    from joserfc.jwk import ECKey

    try:
        key = ECKey.import_key(orjson.loads(path.read_bytes()))
    except FileNotFoundError:
        raise LocalError(f"the key {path} is missing: make it with `dmp bootstrap`") from None
    except (JoseError, ValueError, TypeError, KeyError, AttributeError):
        raise LocalError(f"{path} is not a private JWK: restore it") from None  # the cause may quote the key
    if not key.is_private:
        raise LocalError(f"{path} is a public JWK: restore the private one")
    return key


def _place(issue: Mapping[str, Any]) -> str:
    expression = issue.get("expression")
    return f" (at {', '.join(expression)})" if expression else ""


def token_in(response: httpx2.Response) -> tuple[str, int]:
    """Returns the access token of an answer, and the seconds for which it is valid."""
    body = response.json()
    return str(body["access_token"]), int(body["expires_in"])
