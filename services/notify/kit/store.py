"""Whether contacts and messages are accepted that are not bound to their row, as former releases encrypted them."""

from shared.db.pool import Connection

SELECT_UNBOUND = "select exists (select from unbound_seals)"


async def takes_unbound(connection: Connection) -> bool:
    """True only in a database that a former release has filled, until `keys rewrap` has run on it."""
    return bool(await connection.fetchval(SELECT_UNBOUND))


DELETE_UNBOUND = "delete from unbound_seals"


async def refuse_unbound(connection: Connection) -> None:
    """Refuses unbound contacts and messages for good: the service has no right to undo this."""
    await connection.execute(DELETE_UNBOUND)
