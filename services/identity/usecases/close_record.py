"""Closes a record because its holder wants it: nobody reads any more but the holder, nobody deposits."""

from uuid import UUID

from services.identity.domain.accounts import AccountRules
from services.identity.domain.lifecycle import Retention
from services.identity.domain.sealing import Keyrings
from services.identity.usecases.confirm_password import confirm_password
from services.identity.usecases.move_record import Moving, move_record
from shared.db.pool import Pool


async def close_record(  # the password's rules beside what every move needs
    pool: Pool,
    keyrings: Keyrings,
    accounts: AccountRules,
    retention: Retention,
    record_id: UUID,
    moving: Moving,
    password: str | None,
) -> None:
    """The password again (a representative's own), then the move. Raises what `confirm_password` and `move_record`
    raise."""
    if moving.party in ("holder", "representative"):
        async with pool.acquire() as connection:
            whose = _whose(record_id, moving)
            await confirm_password(connection, accounts, whose, password, acting=moving.actor, record_id=record_id)
    await move_record(pool, keyrings, retention, record_id, moving)


def _whose(record_id: UUID, moving: Moving) -> UUID:
    return UUID(moving.actor.id) if moving.party == "representative" else record_id
