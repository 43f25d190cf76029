"""The five APIs, each over ASGI on a separate database, and the operations that their OpenAPI describes."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx2
from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts

import services.audit.app as audit
import services.audit.settings as audit_settings
import services.consent.app as consent
import services.consent.settings as consent_settings
import services.identity.app as identity
import services.notify.app as notify_app
import services.records.app as records_app
from shared.http.tokens import TokenVerifier
from shared.runtime.settings import KafkaSettings, PostgresSettings
from tests.infra.audit.keys import KEYS
from tests.infra.http.tokens import SETTINGS, TestKeys
from tests.infra.identity import identity_api
from tests.infra.notify import notify
from tests.infra.platform.databases import Database, Databases
from tests.infra.records import records_api as records

NAMES = ("identity", "records", "consent", "audit", "notify")


@dataclass(frozen=True)
class Api:
    """One running API, and a client of it."""

    app: FastAPI
    client: httpx2.AsyncClient


@dataclass(frozen=True)
class Operation:
    """A method on a path, as OpenAPI describes it."""

    service: str
    method: str
    path: str
    described: dict[str, Any]
    components: dict[str, Any]

    @property
    def name(self) -> str:
        """The name of the operation in tables."""
        return f"{self.service} {self.method} {self.path}"

    def parameters(self, place: str) -> list[dict[str, Any]]:
        """Returns the parameters in the path, the query or the header."""
        return [parameter for parameter in self.described.get("parameters", []) if parameter["in"] == place]

    def body(self) -> tuple[str, dict[str, Any]] | None:
        """Returns the media type and the schema of the request body, None without one."""
        content = self.described.get("requestBody", {}).get("content", {})
        return next(((kind, media.get("schema", {})) for kind, media in content.items()), None)


@asynccontextmanager
async def all_apis(databases: Databases) -> AsyncIterator[dict[str, Api]]:
    """Runs the APIs for the duration of the block."""
    async with AsyncExitStack() as stack:
        made = {}
        for name in NAMES:
            database = await databases.new(name)
            stack.push_async_callback(databases.give_back, database)
            app = make(name, database)
            await stack.enter_async_context(app.router.lifespan_context(app))
            app.state.verifier = TokenVerifier(SETTINGS, TestKeys())
            transport = httpx2.ASGITransport(app, client=("127.0.0.1", 50000))
            client = httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1")
            made[name] = Api(app, await stack.enter_async_context(client))
        yield made


def make(name: str, database: Database) -> FastAPI:
    """Returns the API of a service."""
    common: dict[str, Any] = {
        "postgres": PostgresSettings.model_validate({"dsn": database.dsn}),
        "kafka": KafkaSettings(bootstrap="127.0.0.1:1"),
        "tokens": SETTINGS,
    }
    match name:
        case "identity":
            return identity.make_api(identity_api.settings_of(database, accounts={"refusal_s": 0}))
        case "records":
            return records_app.make_api(records.settings_of(database), TestKeys())
        case "consent":
            return consent.make_api(consent_settings.Settings(**common))
        case "audit":
            return audit.make_api(audit_settings.Settings(**common, keys=KEYS))
        case _:
            return notify_app.make_api(notify.settings(database, None), TestKeys())


def routes_of(app: FastAPI) -> Iterator[APIRoute]:
    """Yields all routes that FastAPI serves, including those of included routers."""
    for context in iter_route_contexts(app.routes):
        if isinstance(context.original_route, APIRoute):
            yield context.original_route


def operations(name: str, app: FastAPI) -> list[Operation]:
    """Returns the operations that the OpenAPI of an app describes."""
    described = app.openapi()
    components = described.get("components", {}).get("schemas", {})
    return [
        Operation(name, method.upper(), path, operation, components)
        for path, methods in described["paths"].items()
        for method, operation in methods.items()
    ]
