"""Closes a record at the holder's request: then only the holder reads, and nobody deposits."""

from uuid import UUID

from services.identity.accounts.domain.accounts import AccountRules
from services.identity.accounts.steps.check_session import check_session
from services.identity.accounts.steps.confirm_password import confirm_password
from services.identity.accounts.store import accounts as accounts_store
from services.identity.kit.unit_of_work import Storage
from services.identity.lifecycle.domain.lifecycle import LifecycleRules
from services.identity.lifecycle.steps import LifecycleRequest
from services.identity.lifecycle.usecases.move_record import move_record
from services.identity.people.store.records import load_records_of_person
from shared.db.pool import Connection


async def close_record(  # password rules beside the parameters of a transition
    storage: Storage,
    accounts: AccountRules,
    rules: LifecycleRules,
    record_id: UUID,
    request: LifecycleRequest,
    password: str | None,
) -> None:
    """Confirms the password (a representative's own), then closes. Raises what `confirm_password` and `move_record`
    raise."""
    if request.party in ("holder", "representative"):
        async with storage.acquire() as work:
            await check_session(work.connection, request.session_id)
            account_record_id = await _account_record(work.connection, record_id, request)
            await confirm_password(
                work.connection, accounts, account_record_id, password, acting=request.actor, record_id=record_id
            )
    await move_record(storage, rules, record_id, request)


async def _account_record(connection: Connection, record_id: UUID, request: LifecycleRequest) -> UUID:
    """Returns the record of the account whose password is required: a representative may have signed in by a linked
    record."""
    if request.party == "holder":
        return record_id
    own_ids = await load_records_of_person(connection, UUID(request.actor.id))
    for id in own_ids:
        if await accounts_store.load_account(connection, id) is not None:
            return id
    return own_ids[0]
