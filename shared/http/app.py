"""The frame of every API: FastAPI with error answers, error boundary, health, metrics and callers."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from typing import Annotated

from fastapi import Depends, FastAPI, Request, Response
from fastapi.responses import JSONResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from fastapi.security.utils import get_authorization_scheme_param
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from shared.db.errors import DATABASE_ERRORS
from shared.db.pool import ANSWER, LONG_ANSWER, Pool, create_pool
from shared.errors import NotAuthenticatedError
from shared.http.described import ApiTexts, DescribedApi
from shared.http.error_boundary import ErrorBoundary
from shared.http.issuer_keys import IssuerKeys, Keys
from shared.http.problems import Renderer, install, problem
from shared.http.tokens import Caller, TokenVerifier
from shared.runtime.metrics import start_build_info
from shared.runtime.settings import ServiceSettings

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]
LONG_REQUESTS = 2
"""The number of long requests that one process answers at a time."""
READY_ACQUIRE_S, READY_ANSWER_S = 1.5, 2.0
IS_READY = "select exists (select from schema_migrations)"
SECURITY_SCHEME = "accessToken"
"""The name of the security scheme in OpenAPI."""
_bearer = HTTPBearer(
    auto_error=False,
    bearerFormat="JWT",
    scheme_name=SECURITY_SCHEME,
    description="An access token of identity (JWT, RFC 9068), from POST /oauth/token for software, or from a sign-in.",
)


def make_app(texts: ApiTexts, *, lifespan: Lifespan, body_limit: int, render: Renderer = problem) -> FastAPI:
    """Returns an app with only the routes /livez and /readyz.

    Metrics are served on a separate port, which only operations can reach: they count the reasons of refusals, which
    the answers do not reveal. The lifespan enters `serving`, or sets the values of `app.state` itself.
    """
    start_build_info()
    app = DescribedApi(texts, lifespan=lifespan, docs_url=None, redoc_url=None, redirect_slashes=False)
    install(app, render)
    app.add_middleware(ErrorBoundary, render=render, body_limit=body_limit)
    app.add_api_route("/livez", _alive, include_in_schema=False)
    app.add_api_route("/readyz", _ready, include_in_schema=False)
    return app


@asynccontextmanager
async def serving(
    app: FastAPI, settings: ServiceSettings, service: str, keys: Keys | None = None
) -> AsyncIterator[None]:
    """Sets up what every API needs while it serves: pools, token verifier, age limit of copies. `keys` replace
    identity's published ones."""
    pool = await create_pool(settings.postgres, application=f"{service}-api", limits=ANSWER)
    long_pool = await create_pool(
        settings.postgres, application=f"{service}-api-long", size=LONG_REQUESTS, kept=0, limits=LONG_ANSWER
    )
    app.state.pool, app.state.long_pool = pool, long_pool
    app.state.verifier = TokenVerifier(settings.tokens, keys or IssuerKeys(pool, settings.tokens))
    app.state.max_copy_age = timedelta(seconds=settings.freshness.limit_s)
    try:
        yield
    finally:
        pool.terminate()
        long_pool.terminate()


async def verify_caller(request: Request) -> Caller:
    """Returns the caller whose token the request carries. Raises NotAuthenticatedError."""
    scheme, token = get_authorization_scheme_param(request.headers.get("authorization"))
    if scheme.lower() != "bearer" or not token:
        raise NotAuthenticatedError
    verified: Caller = await request.app.state.verifier.verify(token)
    return verified


async def caller(
    request: Request, _documented: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> Caller:
    """FastAPI dependency: returns the caller. Raises NotAuthenticatedError."""
    return await verify_caller(request)


AuthenticatedCaller = Annotated[Caller, Depends(caller)]


def pool_of(request: Request) -> Pool:
    """FastAPI dependency: returns the service's pool."""
    pool: Pool = request.app.state.pool
    return pool


def long_pool_of(request: Request) -> Pool:
    """FastAPI dependency: returns a pool for the few requests that count or read many rows."""
    pool: Pool = request.app.state.long_pool
    return pool


ServicePool = Annotated[Pool, Depends(pool_of)]
LongPool = Annotated[Pool, Depends(long_pool_of)]


def copy_limit_of(request: Request) -> timedelta:
    """FastAPI dependency: returns the greatest age of copies for acting in the record of somebody else."""
    limit: timedelta = request.app.state.max_copy_age
    return limit


MaxCopyAge = Annotated[timedelta, Depends(copy_limit_of)]


async def metrics() -> Response:
    """Returns the metrics in the text format of Prometheus."""
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


async def _alive() -> dict[str, str]:
    return {"status": "alive"}


async def _ready(request: Request) -> Response:
    if await is_ready(request.app.state.pool):
        return JSONResponse({"status": "ready"})
    return JSONResponse({"status": "not ready", "reason": "own database"}, 503)


async def is_ready(pool: Pool) -> bool:
    """Whether the service's database is migrated and answers within 3.5 s. Other services do not matter."""
    try:
        async with pool.acquire(timeout=READY_ACQUIRE_S) as connection:
            return bool(await connection.fetchval(IS_READY, timeout=READY_ANSWER_S))
    except DATABASE_ERRORS:
        return False
