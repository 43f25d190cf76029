"""What identity's routes need beside the pool and the caller."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any

from fastapi import Depends, Request
from pydantic import BaseModel, Field

from services.identity.api.entrances import Entrances
from services.identity.domain.accounts import AccountRules
from services.identity.domain.lifecycle import Retention
from services.identity.domain.openings import OpeningRules
from services.identity.domain.receipts import ReceiptKeys
from services.identity.domain.sealing import Keyrings
from services.identity.domain.tokens import Issuer


@dataclass(frozen=True)
class Context:
    """Keys, and what a demonstration may do here."""

    keyrings: Keyrings
    issuer: Issuer
    demo_sign_in: bool
    test_nir_keys: bool
    receipts: ReceiptKeys
    retention: Retention
    accounts: AccountRules
    entrances: Entrances
    openings: OpeningRules
    invitation_life: timedelta


def _context(request: Request) -> Context:
    context: Context = request.app.state.context
    return context


OurContext = Annotated[Context, Depends(_context)]


class ProblemView(BaseModel):
    """An error (RFC 9457): a stable code, and what to do."""

    type: str
    title: str
    status: int
    code: str = Field(examples=["ins-key-wrong"])
    detail: str


def problems(**codes: str) -> dict[int | str, dict[str, Any]]:
    """OpenAPI entries for errors: `_409="traits-differ"`."""
    content = {"application/problem+json": {"schema": ProblemView.model_json_schema()}}
    return {int(status[1:]): {"description": text, "content": content} for status, text in codes.items()}
