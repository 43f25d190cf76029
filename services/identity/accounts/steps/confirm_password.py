"""Confirms a sensitive act with the holder's password, such as closing a record or changing credentials."""

from uuid import UUID

from services.identity.accounts.domain.accounts import AccountRules
from services.identity.accounts.domain.passwords import PasswordNeededError, PasswordWrongError, normalise_password
from services.identity.accounts.steps.count_attempt import count_attempt
from services.identity.accounts.store import accounts as store
from services.identity.accounts.store import throttles
from services.identity.kit.announcements import announce
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
    """Checks the password of the account of record `account_id`. A wrong password is entered in the access ledger of
    `record_id`, with `acting` as actor; by default in that of `account_id`, with its holder as actor.

    Call it outside of a transaction, before that of your change: a wrong attempt must stay counted, and argon2 (in a
    thread) must not hold locks. A record without an account needs no password, because only the demonstration's sign-in
    issues tokens for it.

    Raises PasswordNeededError (403, `password-needed`), PasswordWrongError (403, `password-wrong`),
    TooManyTriesError (429, `too-many-tries`, with Retry-After) and OverloadedError (503, `unavailable`, likewise).
    """
    account = await store.load_account(connection, account_id)
    if account is None:
        return
    if not password:
        raise PasswordNeededError
    keys, stored_hash, normalised = [f"confirm:{account_id}"], account.password_hash, normalise_password(password)
    with accounts.hashes.place() as place:
        await count_attempt(connection, keys, "confirm-password")
        verdict = await place.run(lambda: accounts.hasher.check(stored_hash, normalised))
    async with connection.transaction():
        if verdict != "wrong":
            await throttles.reset_attempts(connection, keys, clock.now())
            return
        actor = acting or Actor(kind="patient", id=str(account_id))
        await append(connection, [announce(_refusal_event(record_id or account_id, actor))])
    REFUSED.labels("confirm-password", PasswordWrongError.code).inc()
    raise PasswordWrongError


def _refusal_event(record_id: UUID, actor: Actor) -> AccessRecorded:
    reason = PasswordWrongError.code
    return AccessRecorded(record_id=record_id, actor=actor, action="sign-in", outcome="refused", reason=reason)
