"""Access tokens (RFC 9068, JWT) and the keys that sign them (RFC 7517)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

from shared.contracts.base import ActorKind
from shared.crypto.private_keys import parse_private_keys
from shared.errors import CodedError

TOKEN_LIFETIME = timedelta(seconds=300)
SIGNING_ALGORITHM = "ES256"
DEMO_CLIENT = "demo-sign-in"
"""The client id in tokens of the demonstration's direct sign-in."""


class SigningKeysError(CodedError):
    """The signing keys must be a JSON array of private JWKs: EC, P-256, each with a unique `kid`."""

    code = "signing-keys-invalid"


@dataclass(frozen=True, repr=False)
class SigningKeys:
    """The keys of the issuer. The first one signs; all are published and accepted."""

    keys: tuple[ECKey, ...]

    @classmethod
    def parse(cls, text: str) -> "SigningKeys":
        """Parses the JSON array of the settings. Raises SigningKeysError."""
        try:
            return cls(parse_private_keys(text, ECKey, "P-256"))
        except ValueError:
            raise SigningKeysError from None

    def sign(self, claims: dict[str, Any]) -> str:
        """Returns a JWT signed with the first key."""
        header = {"alg": SIGNING_ALGORITHM, "kid": self.keys[0].kid, "typ": "at+jwt"}
        return jwt.encode(header, claims, self.keys[0], algorithms=[SIGNING_ALGORITHM])

    def published(self) -> list[dict[str, Any]]:
        """Returns the public keys as JWKs with only the members that a verifier needs."""
        members = ("kty", "crv", "x", "y", "kid")
        publics = [key.as_dict(private=False) for key in self.keys]
        return [{**{name: key[name] for name in members}, "use": "sig", "alg": SIGNING_ALGORITHM} for key in publics]

    async def current(self) -> KeySet:
        """Returns the public keys for identity's own API, which needs no HTTP request (`shared.http.tokens.Keys`)."""
        return KeySet([ECKey.import_key(key) for key in self.published()])

    async def refreshed(self) -> KeySet:
        """Returns `current`: these keys change only with a restart."""
        return await self.current()


@dataclass(frozen=True, slots=True)
class TokenSubject:
    """The person or software for whom a token is issued."""

    kind: ActorKind
    id: str
    client_id: str
    scopes: frozenset[str] = frozenset()
    record_id: UUID | None = None
    profession: str | None = None
    organisation_id: str | None = None
    session_id: UUID | None = None
    mode: str = "normal"
    motive: str | None = None
    patient_present: UUID | None = None
    emergency_record: str | None = None
    never: str | None = None
    is_bulk: bool = False

    def dmp_claim(self) -> dict[str, str]:
        """Returns the `dmp` claim without empty members.

        A normal `mode` is omitted; `motive` is sealed (JWE) for audit; `emergency_record` is a commitment
        (`shared.crypto.commitment`); `never` names a kind without access, or with access only by express consent
        (`kinds.Exclusion`); `client_class` is written for software whose requests may wait.
        """
        members: dict[str, str | None] = {
            "kind": self.kind,
            "record_id": None if self.record_id is None else str(self.record_id),
            "profession": self.profession,
            "organisation_id": self.organisation_id,
            "mode": None if self.mode == "normal" else self.mode,
            "motive": self.motive,
            "patient_present": None if self.patient_present is None else str(self.patient_present),
            "emergency_record": self.emergency_record,
            "never": self.never,
            "client_class": "bulk" if self.is_bulk else None,
        }
        return {name: value for name, value in members.items() if value}


def access_token_claims(
    subject: TokenSubject, *, issuer: str, audience: str, token_id: UUID, now: datetime
) -> dict[str, Any]:
    """Returns the claims of an access token issued now, with `sid` (OpenID Connect) when it belongs to a session."""
    session = {} if subject.session_id is None else {"sid": str(subject.session_id)}
    return {
        "iss": issuer,
        "aud": audience,
        "sub": subject.id,
        "client_id": subject.client_id,
        "iat": int(now.timestamp()),
        "exp": int((now + TOKEN_LIFETIME).timestamp()),
        "jti": str(token_id),
        "scope": " ".join(sorted(subject.scopes)),
        "dmp": subject.dmp_claim(),
        **session,
    }


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A signed token, its scopes and its lifetime."""

    text: str
    scopes: frozenset[str]
    seconds: int = int(TOKEN_LIFETIME.total_seconds())
    """The lifetime in seconds."""


@dataclass(frozen=True)
class TokenIssuer:
    """The issuer of access tokens. `url` is the `iss` claim; the endpoints are below it."""

    url: str
    audience: str
    jwks_url: str
    keys: SigningKeys

    @property
    def token_endpoint(self) -> str:
        """Returns the URL of the token endpoint."""
        return self.url.rstrip("/") + "/oauth/token"

    @property
    def audiences(self) -> tuple[str, ...]:
        """Returns the values that an assertion for this issuer may have as `aud`."""
        return self.token_endpoint, self.url

    def issue(
        self, subject: TokenSubject, *, token_id: UUID, now: datetime, expires_at: datetime | None = None
    ) -> AccessToken:
        """Returns a token for that subject, valid for five minutes or until `expires_at` if that is earlier."""
        claims = access_token_claims(subject, issuer=self.url, audience=self.audience, token_id=token_id, now=now)
        if expires_at is not None:
            claims["exp"] = min(claims["exp"], int(expires_at.timestamp()))
        return AccessToken(self.keys.sign(claims), subject.scopes, claims["exp"] - claims["iat"])
