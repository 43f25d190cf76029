"""The view of an access token."""

from typing import Literal, Self

from pydantic import BaseModel

from services.identity.clients.domain.tokens import AccessToken


class TokenView(BaseModel):
    """An access token (RFC 6749, section 5.1)."""

    access_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - a type, not a secret
    expires_in: int
    scope: str

    @classmethod
    def of(cls, token: AccessToken) -> Self:
        """Returns the view of a token."""
        return cls(access_token=token.text, expires_in=token.seconds, scope=" ".join(sorted(token.scopes)))
