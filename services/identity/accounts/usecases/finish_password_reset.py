"""Sets a new password for a holder who has the code that was sent to the contact on file."""

from dataclasses import dataclass
from uuid import UUID

from services.identity.accounts.domain.accounts import AccountRules
from services.identity.accounts.domain.codes import CodeOverError, codes_match, open_detail
from services.identity.accounts.domain.passwords import check_length
from services.identity.accounts.steps.answer_challenge import answer_challenge
from services.identity.accounts.steps.hash_password import hash_password
from services.identity.accounts.steps.keep_device import keep_device
from services.identity.accounts.steps.record_failure import record_failure
from services.identity.accounts.steps.replace_password import personal_words_of_holder, replace_password
from services.identity.accounts.store import challenges, throttles
from services.identity.kit.announcements import announce
from services.identity.kit.unit_of_work import Storage
from shared.messaging.outbox import append
from shared.runtime import clock


@dataclass(frozen=True, slots=True, repr=False)
class PasswordReset:
    """The code that was sent, the new password, and the name of the device."""

    challenge_id: UUID
    code: str
    password: str
    device_name: str


async def finish_password_reset(storage: Storage, accounts: AccountRules, reset: PasswordReset) -> str:
    """Sets the password, ends all sessions and returns a device token. The device becomes a known one, so that attempts
    by strangers do not slow it down; sign-in still needs the second factor. A refused password leaves the code valid.

    Raises CodeWrongError, CodeOverError, PasswordLengthError, PasswordWeakError, PasswordPersonalError.
    """
    check_length(reset.password)
    with accounts.hashes.place() as place:
        async with storage.acquire() as work:
            open_challenge = await challenges.load_challenge(
                work.connection, reset.challenge_id, "password-reset", clock.now()
            )
            if open_challenge is None:
                raise CodeOverError
            holder = open_challenge.record_id
            is_right = holder is not None and codes_match(accounts.lookups, open_challenge, (reset.code,))
            words: tuple[str, ...] = ()
            if is_right and holder:
                words = await personal_words_of_holder(work, holder)
        password_hash = await hash_password(accounts, place, reset.password, words)
    async with storage.transaction() as work:
        challenge, error = await answer_challenge(work, accounts, "password-reset", reset.challenge_id, (reset.code,))
        record_id = None if challenge is None else challenge.record_id
        if error is not None:
            await record_failure(work, record_id, error.code)
        else:
            assert challenge is not None, "without an error there is a challenge"
            assert record_id is not None, "a decoy is never answered"
            await throttles.reset_attempts(
                work.connection, open_detail(storage.keyrings, challenge)["keys"], clock.now()
            )
            events = await replace_password(work, record_id, password_hash)
            token = await keep_device(work, record_id, reset.device_name)
            await append(work.connection, [announce(event) for event in events])
    if error is not None:
        raise error
    return token.text
