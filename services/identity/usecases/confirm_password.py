"""The holder's password once more, before what cannot be taken lightly (closing a record, other credentials)."""

from uuid import UUID

from services.identity.announcements import announce
from services.identity.domain.accounts import AccountRules
from services.identity.domain.passwords import PasswordNeededError, PasswordWrongError, normalise_password
from services.identity.store import accounts as store
from services.identity.store import throttles
from services.identity.usecases.take_try import take_try
from shared.contracts.audit import AccessRecorded
from shared.contracts.base import Actor
from shared.db.pool import Connection
from shared.messaging.outbox import append
from shared.runtime import clock
from shared.runtime.metrics import REFUSED


async def confirm_password(
    connection: Connection,
    accounts: AccountRules,
    account_id: UUID,
    password: str | None,
    *,
    acting: Actor | None = None,
    record_id: UUID | None = None,
) -> None:
    """`account_id`: the record whose account's password it is. A wrong one is told to the ledger of `record_id`, as
    tried by `acting`; without them to the own record's, as tried by its holder.

    Call it on a connection outside of a transaction and before the one of your change: a wrong try must stay counted,
    and argon2 (in a thread) must hold no lock. A record without an account needs no password: only the
    demonstration's sign-in can have made its token.

    Raises PasswordNeededError (403, `password-needed`), PasswordWrongError (403, `password-wrong`),
    TooManyTriesError (429, `too-many-tries`, with Retry-After) and OverloadedError (503, `unavailable`, likewise).
    """
    account = await store.load_account(connection, account_id)
    if account is None:
        return
    if not password:
        raise PasswordNeededError
    keys, kept, normalised = [f"confirm:{account_id}"], account.password_hash, normalise_password(password)
    with accounts.hashes.place() as place:
        await take_try(connection, keys, "confirm-password")
        found = await place.run(lambda: accounts.hasher.check(kept, normalised))
    async with connection.transaction():
        if found != "wrong":
            await throttles.give_back(connection, keys, clock.now())
            return
        who = acting or Actor(kind="patient", id=str(account_id))
        await append(connection, [announce(_refused(record_id or account_id, who))])
    REFUSED.labels("confirm-password", PasswordWrongError.code).inc()
    raise PasswordWrongError


def _refused(record_id: UUID, who: Actor) -> AccessRecorded:
    reason = PasswordWrongError.code
    return AccessRecorded(record_id=record_id, actor=who, action="sign-in", outcome="refused", reason=reason)
