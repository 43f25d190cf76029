"""Devices and their sessions: opaque tokens, and the few words that name a device."""

import base64
import binascii
import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.identity.domain.tokens import Subject
from shared.contracts.base import Actor
from shared.errors import NotAuthenticatedError, NotFoundError

SECRET_BYTES = 32
_ID_BYTES = 16
PATIENT_CLIENT = "patient-sign-in"
"""The client id in tokens of a signed-in patient."""
_BROWSERS = (
    ("edg", "Edge"),
    ("opr", "Opera"),
    ("samsungbrowser", "Samsung Internet"),
    ("firefox", "Firefox"),
    ("fxios", "Firefox"),
    ("chrome", "Chrome"),
    ("crios", "Chrome"),
    ("safari", "Safari"),
)
_SYSTEMS = (
    ("iphone", "iPhone"),
    ("ipad", "iPad"),
    ("android", "Android"),
    ("windows", "Windows"),
    ("mac os", "Mac"),
    ("linux", "Linux"),
)


class RefreshTokenInvalidError(NotAuthenticatedError):
    """This session is over. Sign in again."""

    code = "refresh-token-invalid"
    french = "Cette session est terminée. Connectez-vous de nouveau."


class DeviceUnknownError(NotFoundError):
    """You have no such device. GET /devices lists yours."""

    code = "device-unknown"
    french = "Vous n’avez pas cet appareil. La liste de vos appareils dit lesquels sont connus."


@dataclass(frozen=True, slots=True, repr=False)
class Secret:
    """An opaque token: the id of what it opens, and 256 random bits of which only the hash is kept."""

    text: str
    id: UUID
    digest: bytes


@dataclass(frozen=True, slots=True)
class Device:
    """A device that has signed in. `session_id`: the session that is alive on it."""

    id: UUID
    name: str
    first_seen_at: datetime
    last_seen_at: datetime
    session_id: UUID | None


def holder_of(record_id: UUID) -> Actor:
    """The signed-in holder, for the ledger."""
    return Actor(kind="patient", id=str(record_id), client_id=PATIENT_CLIENT)


def session_subject(record_id: UUID, session_id: UUID) -> Subject:
    """Whom the access tokens of a session speak for."""
    return Subject("patient", str(record_id), PATIENT_CLIENT, record_id=record_id, session_id=session_id)


def new_secret(id: UUID) -> Secret:
    """A fresh token for that device or session."""
    return _secret(id.bytes + secrets.token_bytes(SECRET_BYTES))


def read_secret(text: str) -> Secret | None:
    """The token with that text; None when it cannot be one."""
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    return _secret(data) if len(data) == _ID_BYTES + SECRET_BYTES else None


def _secret(data: bytes) -> Secret:
    text = base64.urlsafe_b64encode(data).decode().rstrip("=")
    return Secret(text, UUID(bytes=data[:_ID_BYTES]), hashlib.sha256(data).digest())


def device_name(user_agent: str) -> str:
    """Browser and system in words of our own: what a stranger writes into a header must not reach a mail."""
    told = user_agent.lower()
    browser = next((name for mark, name in _BROWSERS if mark in told), "")
    system = next((name for mark, name in _SYSTEMS if mark in told), "")
    return ", ".join(part for part in (browser, system) if part) or "?"
