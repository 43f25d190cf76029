"""The dependencies of identity's routes beyond the pool and the caller."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any

from fastapi import Depends, Request
from pydantic import BaseModel, Field

from services.identity.api.certificate_auth import ProfessionalAuth
from services.identity.domain.accounts import AccountRules
from services.identity.domain.lifecycle import LifecycleRules
from services.identity.domain.openings import OpeningRules
from services.identity.domain.receipts import ReceiptKeys
from services.identity.domain.sealed_rows import Keyrings
from services.identity.domain.tokens import TokenIssuer


@dataclass(frozen=True)
class AppContext:
    """The keys, rules and parameters of this deployment."""

    keyrings: Keyrings
    issuer: TokenIssuer
    demo_sign_in: bool
    test_nir_keys: bool
    receipts: ReceiptKeys
    retention: LifecycleRules
    accounts: AccountRules
    professional_auth: ProfessionalAuth
    openings: OpeningRules
    invitation_life: timedelta


def _context(request: Request) -> AppContext:
    context: AppContext = request.app.state.context
    return context


OurContext = Annotated[AppContext, Depends(_context)]


class ProblemView(BaseModel):
    """A problem (RFC 9457): a stable code, and what the client can do."""

    type: str
    title: str
    status: int
    code: str = Field(examples=["ins-key-wrong"])
    detail: str


def problems(**codes: str) -> dict[int | str, dict[str, Any]]:
    """Returns OpenAPI responses for errors, such as `_409="traits-differ"`."""
    content = {"application/problem+json": {"schema": ProblemView.model_json_schema()}}
    return {int(status[1:]): {"description": text, "content": content} for status, text in codes.items()}
