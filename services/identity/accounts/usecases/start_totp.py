"""Starts the enrolment of an authenticator application. Its secret takes effect when a first code confirms it."""

from dataclasses import dataclass
from uuid import UUID

from services.identity.accounts.domain.accounts import AccountMissingError, AccountRules
from services.identity.accounts.domain.codes import new_totp_secret, totp_uri
from services.identity.accounts.steps.check_session import check_session
from services.identity.accounts.steps.confirm_password import confirm_password
from services.identity.accounts.steps.request_codes import CodeRequest, request_codes
from services.identity.accounts.store import accounts as store
from services.identity.kit.unit_of_work import Storage


@dataclass(frozen=True, slots=True, repr=False)
class TotpEnrolment:
    """The secret for the application, shown once, as base32 and as `otpauth://` URI."""

    challenge_id: UUID
    secret: str
    uri: str


async def start_totp(
    storage: Storage, accounts: AccountRules, holder: tuple[UUID, UUID | None], password: str
) -> TotpEnrolment:
    """Returns the secret and its challenge. `holder`: record id and session id.

    Raises SessionOverError, AccountMissingError, PasswordWrongError, TooManyTriesError.
    """
    record_id, session_id = holder
    async with storage.acquire() as work:
        await check_session(work.connection, session_id)
        if await store.load_account(work.connection, record_id) is None:
            raise AccountMissingError
        await confirm_password(work.connection, accounts, record_id, password)
    secret = new_totp_secret()
    async with storage.transaction() as work:
        code_request = CodeRequest("totp-enrolment", record_id, detail={"secret": secret})
        challenge_id = await request_codes(work, accounts, code_request)
    return TotpEnrolment(challenge_id, secret, totp_uri(secret, accounts.app_name))
