"""Reads the progress of an erasure, and its receipt."""

from dataclasses import dataclass
from uuid import UUID

from services.identity.erasure import store as erasures
from services.identity.erasure.store import Erasure
from shared.contracts.declarations import SERVICES
from shared.db.pool import Pool
from shared.errors import ConflictError, NotFoundError


class ErasureUnknownError(NotFoundError):
    """There is no such erasure."""

    code = "erasure-unknown"
    french = "Cet effacement n’existe pas."


class ErasureIncompleteError(ConflictError):
    """Not all services have acknowledged this erasure yet: there is no receipt. Try again later."""

    code = "erasure-incomplete"
    french = "Tous les services n’ont pas encore confirmé cet effacement : il n’y a pas encore d’attestation."


@dataclass(frozen=True, slots=True)
class ErasureProgress:
    """An erasure and the services that have not acknowledged it, in order."""

    erasure: Erasure
    missing: tuple[str, ...]


async def read_erasure(pool: Pool, erasure_id: UUID) -> ErasureProgress:
    """Returns the progress. Raises ErasureUnknownError."""
    async with pool.acquire() as connection:
        erasure = await erasures.load_erasure(connection, erasure_id)
        if erasure is None:
            raise ErasureUnknownError
        answered = {
            acknowledgement.service for acknowledgement in await erasures.load_acknowledgements(connection, erasure_id)
        }
    return ErasureProgress(erasure, tuple(sorted(set(SERVICES) - answered)))


async def read_receipt(pool: Pool, erasure_id: UUID) -> str:
    """Returns the signed receipt. Raises ErasureUnknownError, ErasureIncompleteError."""
    erasure = (await read_erasure(pool, erasure_id)).erasure
    if erasure.receipt is None:
        raise ErasureIncompleteError
    return erasure.receipt
