"""A holder wants codes from an application: a secret for it, not in force until a first code confirms it."""

from dataclasses import dataclass
from uuid import UUID

from services.identity.domain.accounts import AccountMissingError, AccountRules
from services.identity.domain.codes import new_totp_secret, totp_uri
from services.identity.domain.sealing import Keyrings
from services.identity.store import accounts as store
from services.identity.usecases.ask_for_codes import Question, ask_for_codes
from services.identity.usecases.check_session import check_session
from services.identity.usecases.confirm_password import confirm_password
from shared.db.pool import Pool, transaction


@dataclass(frozen=True, slots=True, repr=False)
class Enrolment:
    """What the application needs, once."""

    challenge_id: UUID
    secret: str
    uri: str


async def start_totp(
    pool: Pool, accounts: AccountRules, keyrings: Keyrings, holder: tuple[UUID, UUID | None], password: str
) -> Enrolment:
    """Raises SessionOverError, AccountMissingError, PasswordWrongError, TooManyTriesError."""
    record_id, session_id = holder
    async with pool.acquire() as connection:
        await check_session(connection, session_id)
        if await store.load_account(connection, record_id) is None:
            raise AccountMissingError
        await confirm_password(connection, accounts, record_id, password)
    secret = new_totp_secret()
    async with transaction(pool) as connection:
        question = Question("totp-enrolment", record_id, detail={"secret": secret})
        challenge_id = await ask_for_codes(connection, accounts, keyrings, question)
    return Enrolment(challenge_id, secret, totp_uri(secret, accounts.app_name))
