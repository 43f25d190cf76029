"""An HTTP client of the services, for software with a key or for a person of the demonstration.

async with connect(endpoints.read(layout)) as dmp:
    hospital = dmp.software(client_id, key)
    answer = await hospital.call("POST", "records", "/fhir", content=bundle, headers=FHIR)
    patient = dmp.patient(record_id)
    await patient.call("PUT", "consent", f"/records/{record_id}/blocks/{professional_id}")
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from deploy.cli.client import (
    RefusedError,
    Session,
    UnreachableError,
    assertion,
    load_key,
    open_http,
    outcome_in,
    problem_in,
    send,
    software_session,
    token_in,
)

if TYPE_CHECKING:
    import httpx2
    from joserfc.jwk import ECKey

__all__ = [
    "FHIR",
    "JSON_PATCH",
    "MASK",
    "Dmp",
    "RefusedError",
    "Session",
    "UnreachableError",
    "assertion",
    "connect",
    "load_key",
    "outcome_in",
    "problem_in",
    "send",
]
FHIR = {"content-type": "application/fhir+json"}
JSON_PATCH = {"content-type": "application/json-patch+json"}
MASK = [{"op": "add", "path": "/securityLabel/-", "value": {"coding": [{"code": "MASQUE_PS"}]}}]
"""The change of a DocumentReference that masks it from professionals."""


@dataclass(frozen=True)
class Dmp:
    """The services of one installation."""

    http: httpx2.AsyncClient
    urls: Mapping[str, str]

    def software(self, client_id: str, key: ECKey) -> Session:
        """Returns a session of registered software that authenticates with its key."""
        return software_session(self.http, self.urls, client_id, key)

    def patient(self, record_id: UUID | str) -> Session:
        """Returns a session of a record's holder, by the demonstration's sign-in."""
        return self._signed_in(f"patient {record_id}", {"kind": "patient", "record_id": str(record_id)})

    def professional(self, professional_id: str, organisation_id: str | None = None, **stated: str) -> Session:
        """Returns a session of a professional of the directory, by the demonstration's sign-in.

        `stated`: the access mode, and in an emergency also motive and patient.
        """
        body = {"kind": "professional", "professional_id": professional_id, **stated}
        if organisation_id is not None:
            body["organisation_id"] = organisation_id
        return self._signed_in(f"professional {professional_id}", body)

    def acting_for(self, own_record_id: str, record_id: str) -> Session:
        """Returns a session of a representative or carer, who has a record of their own, for another's record."""
        own = self.patient(own_record_id)

        async def ask() -> tuple[str, int]:
            return token_in(await own.call("POST", "identity", "/token/acting-for", json={"record_id": record_id}))

        return Session(self.http, self.urls, f"patient {own_record_id} for {record_id}", ask)

    def _signed_in(self, who: str, body: dict[str, str]) -> Session:
        async def ask() -> tuple[str, int]:
            return token_in(await send(self.http, self.urls, "POST", "identity", "/demo/sign-in", json=body))

        return Session(self.http, self.urls, who, ask)


@asynccontextmanager
async def connect(installation: Mapping[str, Any]) -> AsyncIterator[Dmp]:
    """Connects to the services of an installation, the content of its `endpoints.json`."""
    urls = {name: service["api"] for name, service in installation["services"].items()}
    urls |= {f"{name}-worker": service["worker"] for name, service in installation["services"].items()}
    async with open_http() as http:
        yield Dmp(http, urls)
