"""Devices and sessions of record holders: opaque tokens, and display names of devices."""

import base64
import binascii
import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.identity.clients.domain.tokens import TokenSubject
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
    """You have no device with this id. GET /devices lists your devices."""

    code = "device-unknown"
    french = "Vous n’avez pas cet appareil. La liste de vos appareils dit lesquels sont connus."


@dataclass(frozen=True, slots=True, repr=False)
class OpaqueToken:
    """An opaque token: the id of a device or session, and 256 random bits. Only the digest is stored."""

    text: str
    id: UUID
    digest: bytes


@dataclass(frozen=True, slots=True)
class Device:
    """A device that has signed in. `session_id`: its active session, if any."""

    id: UUID
    name: str
    first_seen_at: datetime
    last_seen_at: datetime
    session_id: UUID | None


def holder_actor(record_id: UUID) -> Actor:
    """Returns the signed-in holder as an actor of the access ledger."""
    return Actor(kind="patient", id=str(record_id), client_id=PATIENT_CLIENT)


def session_subject(record_id: UUID, session_id: UUID) -> TokenSubject:
    """Returns the subject of the access tokens of a holder's session."""
    return TokenSubject("patient", str(record_id), PATIENT_CLIENT, record_id=record_id, session_id=session_id)


def new_opaque_token(id: UUID) -> OpaqueToken:
    """Returns a new token for that device or session."""
    return _opaque_token(id.bytes + secrets.token_bytes(SECRET_BYTES))


def parse_opaque_token(text: str) -> OpaqueToken | None:
    """Returns the token with that text, or None when the text is malformed."""
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    return _opaque_token(data) if len(data) == _ID_BYTES + SECRET_BYTES else None


def _opaque_token(data: bytes) -> OpaqueToken:
    text = base64.urlsafe_b64encode(data).decode().rstrip("=")
    return OpaqueToken(text, UUID(bytes=data[:_ID_BYTES]), hashlib.sha256(data).digest())


def device_name(user_agent: str) -> str:
    """Returns browser and system in fixed words: text from a request header must not reach a mail."""
    lowered = user_agent.lower()
    browser = next((name for mark, name in _BROWSERS if mark in lowered), "")
    system = next((name for mark, name in _SYSTEMS if mark in lowered), "")
    return ", ".join(part for part in (browser, system) if part) or "?"
