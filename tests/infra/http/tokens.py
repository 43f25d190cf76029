"""Access tokens like those of identity, signed with a key for tests."""

import time
from typing import Any
from uuid import UUID, uuid4

from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

from shared.runtime.settings import TokenSettings

ISSUER = "http://identity.test"
KEY = ECKey.generate_key("P-256", {"kid": "test", "use": "sig", "alg": "ES256"}, private=True)
SETTINGS = TokenSettings(issuer=ISSUER, jwks_url="https://identity.test/.well-known/jwks.json")

GRANTED = (
    "record_id",
    "profession",
    "organisation_id",
    "mode",
    "motive",
    "patient_present",
    "emergency_record",
    "never",
    "client_class",
)


class TestKeys:
    """Replaces identity's published keys."""

    __test__ = False

    async def current(self) -> KeySet:
        """Returns the one key."""
        return KeySet([KEY])

    async def refreshed(self) -> KeySet:
        """Returns the one key, too."""
        return KeySet([KEY])


def make_token(kind: str, subject: str, *, key: ECKey = KEY, scope: str = "", **claims: Any) -> str:
    """Returns a signed token. Claims named in GRANTED go into the `dmp` claim, the others override the payload."""
    granted = {name: claims.pop(name) for name in GRANTED if name in claims}
    now = int(time.time())
    payload: dict[str, Any] = {
        "iss": ISSUER,
        "aud": "dmp",
        "sub": subject,
        "client_id": subject,
        "iat": now,
        "exp": now + 3600,
        "jti": str(uuid4()),
        "scope": scope,
        "dmp": {"kind": kind, **{name: str(value) for name, value in granted.items()}},
        **claims,
    }
    return jwt.encode({"alg": "ES256", "kid": key.kid, "typ": "at+jwt"}, payload, key)


def patient_token(record_id: UUID, session_id: UUID | None = None) -> str:
    """Returns the token of the holder of a record; `session_id`: the session of its sign-in."""
    session: dict[str, Any] = {} if session_id is None else {"sid": str(session_id)}
    return make_token("patient", str(record_id), record_id=record_id, **session)


def professional_token(professional_id: str, profession: str = "10", organisation_id: str | None = None) -> str:
    """Returns the token of a professional, by default a physician."""
    structure: dict[str, Any] = {} if organisation_id is None else {"organisation_id": organisation_id}
    return make_token("professional", professional_id, profession=profession, **structure)


def software_token(client_id: str, organisation_id: str, scope: str = "documents.deposit") -> str:
    """Returns the token of an organisation's software."""
    return make_token("software", client_id, organisation_id=organisation_id, scope=scope)


def operator_token() -> str:
    """Returns the token of an operator."""
    return make_token("operator", "ops", scope="operations")


def bearer(token: str) -> dict[str, str]:
    """Returns the header that carries the token."""
    return {"authorization": f"Bearer {token}"}
