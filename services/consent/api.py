"""HTTP of consent: a patient, about the own record."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Path, Response

from services.consent.domain import ChangeAction
from services.consent.models import ChangeView, ChoicesView
from services.consent.usecases.change_choices import change_choices
from services.consent.usecases.see_choices import see_choices
from shared import values
from shared.contracts.base import CODE_PATTERN
from shared.db.pool import Pool
from shared.errors import ForbiddenError, NotFoundError
from shared.http.app import AuthenticatedCaller, ServicePool
from shared.http.prefer import seconds_to_wait, wait_for
from shared.http.tokens import Caller

router = APIRouter(prefix="/records/{record_id}", tags=["choices"])

_ANSWERS: dict[int | str, dict[str, Any]] = {
    202: {"model": ChangeView, "description": "Accepted; it is on its way to where reads are decided."},
    403: {"description": "`forbidden`: only a patient has choices."},
    404: {"description": "`not-found`: no such record, or not yours."},
    422: {"description": "`invalid`, `national-id-invalid`: the identifier is not a national one."},
    503: {"description": "`record-not-ready`: the record is being opened; try again."},
}
_OF_AUTHORISING: dict[int | str, dict[str, Any]] = {
    409: {"description": "`professional-blocked`: unblock this professional first."}
}


async def own_record(record_id: UUID, caller: AuthenticatedCaller) -> Caller:
    """FastAPI dependency: the patient of this record. Another's record is answered like one that does not exist."""
    if caller.kind != "patient":
        raise ForbiddenError("Only the patient can see and change the choices about a record.")
    if caller.record_id != record_id:
        raise NotFoundError
    return caller


Patient = Annotated[Caller, Depends(own_record)]
ProfessionalId = Annotated[
    str, Path(pattern=CODE_PATTERN, max_length=64, description="PS_IdNat", examples=["899700000001"])
]
StructureId = Annotated[
    str, Path(pattern=CODE_PATTERN, max_length=64, description="Struct_IdNat", examples=["1750000001"])
]
Prefer = Annotated[
    str | None, Header(description="`wait=N`: answer when the change is in force, N seconds later at most.")
]


@router.get("/choices", summary="See one's choices", responses={k: v for k, v in _ANSWERS.items() if k in (403, 404)})
async def get_choices(record_id: UUID, patient: Patient, pool: ServicePool) -> ChoicesView:
    """Who may read, who is blocked, whose deposits are objected to."""
    return ChoicesView.of(await see_choices(pool, record_id))


class _Change:
    """One change as a dependency: who, which record, how long to wait."""

    def __init__(
        self, record_id: UUID, patient: Patient, pool: ServicePool, response: Response, prefer: Prefer = None
    ) -> None:
        self.record_id = record_id
        self.patient = patient
        self.pool: Pool = pool
        self.response = response
        self.seconds = seconds_to_wait(prefer)

    async def make(self, action: ChangeAction, subject_id: str) -> ChangeView:
        """Changes, then waits as long as was asked for. 200 when in force, 202 when on its way."""
        state = await change_choices(self.pool, self.record_id, self.patient.actor(), action, subject_id)
        version, latest = state.version, state
        if self.seconds:
            latest = await wait_for(
                lambda: see_choices(self.pool, self.record_id), lambda s: s.version_in_force >= version, self.seconds
            )
        view = ChangeView.of(version, latest.version_in_force)
        self.response.status_code = 200 if view.status == "in-force" else 202
        return view


Change = Annotated[_Change, Depends()]


@router.put(
    "/authorisations/{professional_id}",
    summary="Authorise a professional to read",
    responses={**_ANSWERS, **_OF_AUTHORISING},
)
async def authorise(professional_id: ProfessionalId, change: Change) -> ChangeView:
    """The professional may read the record, within the documents' labels, until this ends."""
    return await change.make("authorise-professional", values.national_professional_id(professional_id))


@router.delete("/authorisations/{professional_id}", summary="End an authorisation", responses=_ANSWERS)
async def end_authorisation(professional_id: ProfessionalId, change: Change) -> ChangeView:
    """The professional may no longer read."""
    return await change.make("end-authorisation", values.national_professional_id(professional_id))


@router.put("/blocks/{professional_id}", summary="Block a professional", responses=_ANSWERS)
async def block(professional_id: ProfessionalId, change: Change) -> ChangeView:
    """The professional can never read, whatever else would allow it; an authorisation ends."""
    return await change.make("block-professional", values.national_professional_id(professional_id))


@router.delete("/blocks/{professional_id}", summary="Unblock a professional", responses=_ANSWERS)
async def unblock(professional_id: ProfessionalId, change: Change) -> ChangeView:
    """The block ends; an authorisation that it ended does not come back."""
    return await change.make("unblock-professional", values.national_professional_id(professional_id))


@router.put("/feeding-objections/{structure_id}", summary="Object to deposits", responses=_ANSWERS)
async def object_to_feeding(structure_id: StructureId, change: Change) -> ChangeView:
    """Later deposits of this structure are refused; what it has deposited stays."""
    return await change.make("object-to-feeding", values.national_structure_id(structure_id))


@router.delete("/feeding-objections/{structure_id}", summary="Withdraw an objection", responses=_ANSWERS)
async def withdraw_feeding_objection(structure_id: StructureId, change: Change) -> ChangeView:
    """This structure may deposit again."""
    return await change.make("withdraw-feeding-objection", values.national_structure_id(structure_id))
