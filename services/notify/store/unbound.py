"""Whether contacts and messages are taken that are not bound to where they stand, as former releases sealed them."""

from shared.db.pool import Connection

SELECT_UNBOUND = "select exists (select from unbound_seals)"


async def takes_unbound(connection: Connection) -> bool:
    """Only in a database that a former release has filled, and only until `keys rewrap` has been run on it."""
    return bool(await connection.fetchval(SELECT_UNBOUND))


DELETE_UNBOUND = "delete from unbound_seals"


async def refuse_unbound(connection: Connection) -> None:
    """For good: the service cannot take this back."""
    await connection.execute(DELETE_UNBOUND)
