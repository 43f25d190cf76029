"""The depositor: an organisation's software, a professional or the patient side."""

from dataclasses import dataclass

from services.records.facts.domain.documents import DepositorKind
from shared.access.facts import PATIENT_SIDE
from shared.contracts.base import Actor
from shared.errors import ForbiddenError
from shared.http.tokens import Caller

SCOPE = "documents.deposit"
"""The scope that software needs. Professionals and the patient side need none."""


@dataclass(frozen=True, slots=True)
class Depositor:
    """A caller who may deposit. `kind`: on whose behalf.

    `owner`: who may follow the deposit: the structure (Struct_IdNat), or the person of the patient side who deposits.
    """

    caller: Caller
    owner: str
    kind: DepositorKind

    @property
    def is_of_patient_side(self) -> bool:
        """Whether the patient side deposits."""
        return self.kind in PATIENT_SIDE

    @property
    def actor(self) -> Actor | None:
        """The person who deposits; None where software deposits by itself."""
        return None if self.caller.kind == "software" else self.caller.actor()


def depositor_of(caller: Caller) -> Depositor:
    """Returns this caller as a depositor. Raises ForbiddenError where the caller may not deposit."""
    match caller.kind:
        case "software" if caller.organisation_id is not None:
            caller.require(SCOPE)
            return Depositor(caller, caller.organisation_id, "organisation")
        case "professional" if caller.organisation_id is not None and caller.never is None:
            return Depositor(caller, caller.organisation_id, "organisation")
        case "patient" | "representative" | "carer" if caller.record_id is not None:
            return Depositor(caller, caller.id, caller.kind)
        case _:
            raise ForbiddenError(
                "This is for the software of an organisation (use its client_credentials token), for professionals "
                "who act for a structure, and for patients, their representatives and carers."
            )
