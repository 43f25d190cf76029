"""Identity's database and keyrings as dependencies of routes."""

from typing import Annotated

from fastapi import Depends

from services.identity.kit.sealed_rows import Keyrings
from services.identity.kit.unit_of_work import Storage
from shared.http.app import ServicePool
from shared.http.dependencies import provided

ProvidedKeyrings = Annotated[Keyrings, Depends(provided(Keyrings))]


def _storage(pool: ServicePool, keyrings: ProvidedKeyrings) -> Storage:
    return Storage(pool, keyrings)


ProvidedStorage = Annotated[Storage, Depends(_storage)]
