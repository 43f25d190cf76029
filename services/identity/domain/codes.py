"""Six-digit codes: sent (kept as a keyed hash bound to their challenge), or from an application (TOTP, RFC 6238)."""

import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import orjson
import pyotp

from services.identity.domain.sealing import Keyrings, Sealed, open_row, seal_row
from shared.crypto.keyring import Keyring
from shared.errors import ForbiddenError

Purpose = Literal["sign-in", "password-reset", "contact-change", "totp-enrolment"]
TRIES = 5
MOST_UNANSWERED = 10
DIGITS = 6
TOTP_SECONDS = 30
DRIFT_STEPS = 1
"""An application's clock may be one step of thirty seconds off, either way."""


class CodeWrongError(ForbiddenError):
    """The code is not right. Look at the latest message, or at the application, and try again."""

    code = "code-wrong"
    french = "Le code n’est pas le bon. Regardez le dernier message, ou l’application, et réessayez."


class CodeOverError(ForbiddenError):
    """This code was used, is too old, or was tried too often. Begin anew to get another one."""

    code = "code-over"
    french = "Ce code a été utilisé, est trop ancien, ou a été essayé trop souvent. Recommencez pour en avoir un autre."


@dataclass(frozen=True, slots=True)
class Challenge:
    """What a code answers. `codes`: keyed hashes of what was sent, in order; none for an application's code.

    Without a record it is a decoy, which nothing answers: whoever asked must not learn that nobody is known there.
    """

    id: UUID
    purpose: Purpose
    record_id: UUID | None
    codes: tuple[str, ...]
    expires_at: datetime
    detail: Sealed | None = None


def tries_of(unanswered: int) -> int:
    """How often a code may be tried when so many others of the same record wait for an answer: a stranger who asks for
    ever more codes gets ever fewer guesses, and the holder still one."""
    return 1 if is_flooded(unanswered) else TRIES


def is_flooded(unanswered: int) -> bool:
    """Whether more codes of a record wait for an answer than one person asks for."""
    return unanswered >= MOST_UNANSWERED


def new_code() -> str:
    """Six random digits."""
    return f"{secrets.randbelow(10**DIGITS):0{DIGITS}}"


def code_hash(lookups: Keyring, challenge_id: UUID, code: str, place: int = 0) -> str:
    """What is kept of the code at that place of a challenge."""
    return lookups.fingerprint("code", str(challenge_id), str(place), code)


def are_codes(lookups: Keyring, challenge: Challenge, codes: tuple[str, ...]) -> bool:
    """Whether these are all the codes that were sent. Takes the same time wherever they differ."""
    if challenge.record_id is None or not challenge.codes or len(codes) != len(challenge.codes):
        return False
    right = [
        lookups.matches(kept, "code", str(challenge.id), str(place), code)
        for place, (kept, code) in enumerate(zip(challenge.codes, codes, strict=True))
    ]
    return all(right)


def seal_detail(keyrings: Keyrings, challenge_id: UUID, detail: dict[str, Any]) -> Sealed:
    """What a challenge must remember until it is answered."""
    return seal_row(keyrings.persons, orjson.dumps(detail), "challenge", challenge_id)


def open_detail(keyrings: Keyrings, challenge: Challenge) -> dict[str, Any]:
    """The detail of `seal_detail`."""
    assert challenge.detail is not None, "a challenge without its detail"
    detail: dict[str, Any] = orjson.loads(open_row(keyrings.persons, challenge.detail, "challenge", challenge.id))
    return detail


def new_totp_secret() -> str:
    """160 bits in base32, for an application."""
    return pyotp.random_base32()


def totp_uri(secret: str, app_name: str) -> str:
    """`otpauth://`, which applications read from a QR code. It names nobody."""
    return pyotp.TOTP(secret).provisioning_uri(name=app_name, issuer_name=app_name)


def totp_step(secret: str, code: str, now: datetime, last_step: int) -> int | None:
    """The step whose code this is, later than the last one used; None when there is none."""
    current = int(now.timestamp()) // TOTP_SECONDS
    totp = pyotp.TOTP(secret)
    found = None
    for step in range(current - DRIFT_STEPS, current + DRIFT_STEPS + 1):
        same = hmac.compare_digest(totp.generate_otp(step).encode(), code.encode())
        if same and step > last_step:
            found = step
    return found
