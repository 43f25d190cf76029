"""A new password, for somebody who has the code that was sent to the contact on file."""

from dataclasses import dataclass
from uuid import UUID

from services.identity.announcements import announce
from services.identity.domain.accounts import AccountRules
from services.identity.domain.codes import CodeOverError, are_codes, open_detail
from services.identity.domain.passwords import check_length
from services.identity.domain.sealing import Keyrings
from services.identity.store import challenges, throttles
from services.identity.usecases.answer_challenge import answer_challenge
from services.identity.usecases.change_password import replace_password, words_about
from services.identity.usecases.hash_password import hash_password
from services.identity.usecases.keep_device import keep_device
from services.identity.usecases.refuse_try import refuse_try
from shared.db.pool import Pool, transaction
from shared.messaging.outbox import append
from shared.runtime import clock


@dataclass(frozen=True, slots=True, repr=False)
class Reset:
    """The answer to the code that was sent, the password to be, and the device it comes from."""

    challenge_id: UUID
    code: str
    password: str
    device_name: str


async def finish_password_reset(pool: Pool, accounts: AccountRules, keyrings: Keyrings, reset: Reset) -> str:
    """Ends all sessions. The device becomes a known one, so that its way is open whatever strangers try; to sign in
    still takes the second factor. A password that is refused leaves the code as it was.

    Raises CodeWrongError, CodeOverError, PasswordLengthError, PasswordWeakError, PasswordPersonalError.
    """
    check_length(reset.password)
    with accounts.hashes.place() as place:
        async with pool.acquire() as connection:
            asked = await challenges.load_challenge(connection, reset.challenge_id, "password-reset", clock.now())
            if asked is None:
                raise CodeOverError
            known = asked.record_id is not None and are_codes(accounts.lookups, asked, (reset.code,))
            words = await words_about(connection, keyrings, asked.record_id) if known and asked.record_id else ()
        password_hash = await hash_password(accounts, place, reset.password, words)
    async with transaction(pool) as connection:
        challenge, wrong = await answer_challenge(
            connection, accounts, keyrings, "password-reset", reset.challenge_id, (reset.code,)
        )
        record_id = None if challenge is None else challenge.record_id
        if wrong is not None:
            await refuse_try(connection, keyrings, record_id, wrong.code)
        else:
            assert challenge is not None, "nothing wrong means a challenge"
            assert record_id is not None, "a decoy is never answered"
            await throttles.give_back(connection, open_detail(keyrings, challenge)["keys"], clock.now())
            told = await replace_password(connection, keyrings, record_id, password_hash)
            token = await keep_device(connection, keyrings, record_id, reset.device_name)
            await append(connection, [announce(one) for one in told])
    if wrong is not None:
        raise wrong
    return token.text
