"""What the use cases of warnings need besides the context of reading."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends

from services.records.medicines.steps.reference_tables import InteractionCache
from shared.crypto.keyring import Keyring
from shared.errors import ForbiddenError
from shared.http.dependencies import provided
from shared.http.tokens import Caller


class WarningsOffError(ForbiddenError):
    """This installation gives no warnings. Whoever operates it turns them on with RECORDS_WARNINGS__ENABLED, see
    docs/warnings.md."""

    code = "warnings-off"
    french = (
        "Cette installation ne donne pas d’alertes. Son exploitant les active par RECORDS_WARNINGS__ENABLED, voir "
        "docs/warnings.md."
    )


class NotPrescriberError(ForbiddenError):
    """Warnings are given to professionals, who acknowledge them in their own name."""

    code = "not-a-professional"
    french = "Les alertes sont données aux professionnels, qui les écartent en leur nom."


@dataclass(frozen=True, slots=True)
class WarningContext:
    """`reasons`: the keyring shared with audit; None where warnings are off. `ins_hmac`: of the fingerprints."""

    reasons: Keyring | None
    interactions: InteractionCache
    ins_hmac: Keyring

    def require(self, caller: Caller) -> Keyring:
        """Returns the keyring of reasons. Raises WarningsOffError, and NotPrescriberError for all but professionals."""
        if self.reasons is None:
            raise WarningsOffError
        if caller.kind != "professional":
            raise NotPrescriberError
        return self.reasons


InjectedWarningContext = Annotated[WarningContext, Depends(provided(WarningContext))]
"""A route's parameter: the context that `app.py` built."""
