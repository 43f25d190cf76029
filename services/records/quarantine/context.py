"""What the use cases of quarantine need, and what quarantine needs of each door."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends

from services.records.quarantine.domain.corrections import Corrections
from services.records.quarantine.domain.holdings import Holdings
from services.records.quarantine.domain.requests import RefusedRequest, StatedPersons
from services.records.quarantine.domain.rules import QuarantineRules
from shared.crypto.keyring import Keyring
from shared.crypto.vault import Vault
from shared.db.pool import Pool
from shared.errors import ClientError
from shared.http.dependencies import provided
from shared.http.tokens import Caller


@dataclass(frozen=True, slots=True)
class QuarantineDoor:
    """A door by which submissions come; it alone knows the form of its requests.

    `fields`: those of the envelope that can be corrected. `cause_of`: the cause of a refusal if the depositor can mend
    it. `persons_of`: every INS that a request states, and `stated_fields`: the present values of the fields; for both,
    no bytes raise an error. `corrected`: the request with a corrected envelope; raises NotCorrectableError. `resend`:
    deposits as if the caller had sent the request now; raises ClientError and TransientError.
    """

    fields: tuple[str, ...]
    cause_of: Callable[[ClientError], str | None]
    persons_of: Callable[[bytes], StatedPersons]
    stated_fields: Callable[[bytes], dict[str, str]]
    corrected: Callable[[bytes, Corrections], bytes]
    resend: Callable[[Caller, RefusedRequest], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class QuarantineContext:
    """`keys`: the vault of organisations' keys. `doors`: each door by its name. `holdings`: the last counts."""

    pool: Pool
    keys: Vault
    ins_hmac: Keyring
    rules: QuarantineRules
    doors: Mapping[str, QuarantineDoor]
    holdings: Holdings = field(default_factory=Holdings)


InjectedQuarantine = Annotated[QuarantineContext, Depends(provided(QuarantineContext))]
"""A route's parameter: the context that `app.py` built."""
