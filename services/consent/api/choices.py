"""The choices of a person: looked at by the person's side, changed by whom the rules let."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Query, Response

from services.consent.api.changing import ChangingHere, etag_of
from services.consent.domain.choices import Change, ChangeAction
from services.consent.models.choices import (
    ApplicationBody,
    AttestationBody,
    AuthorisationBody,
    CareTeamBody,
    ChangeView,
    ChoicesView,
    DefaultLabelBody,
    EmergencyBody,
    HistoryEntryView,
    HistoryView,
    VersionView,
)
from services.consent.usecases.see_choices import see_history, see_own_choices, see_version
from shared.contracts.base import CODE_PATTERN
from shared.http.app import AuthenticatedCaller, CopyLimit, ServicePool
from shared.http.door import Door
from shared.national_ids import LONGEST_INPUT

router = APIRouter(route_class=Door, prefix="/records/{record_id}", tags=["choices"])

_ANSWERS: dict[int | str, dict[str, Any]] = {
    202: {"model": ChangeView, "description": "Accepted; it is on its way to where reads are decided."},
    403: {"description": "`forbidden`, `change-not-permitted`: this is not yours to change; `blocking-oneself`."},
    404: {"description": "`not-found`: no such record, or not yours."},
    409: {"description": "`professional-blocked`: unblock first; `list-full`; `record-closed`: reopen first."},
    412: {
        "description": "`version-differs`: the choices were changed meanwhile; look at them again (GET .../choices)."
    },
    422: {
        "description": "`invalid`, `national-id-invalid`, `national-id-ambiguous`, `attending-doctor-unknown`, "
        "`period-invalid`, `attestation-invalid`, `section-unknown`, `etag-invalid`"
    },
    429: {"description": "`too-many-changes`: 100 an hour; what takes a right away always works."},
    503: {
        "description": "`record-not-ready`: it is being opened; `cannot-be-checked-now`: who acts for the person waits."
    },
}
_SEEING: dict[int | str, dict[str, Any]] = {code: _ANSWERS[code] for code in (403, 404, 503)}
LONGEST_PAGE = 100
LARGEST_VERSION = 2**31 - 1

_TYPED = "RPPS and SIRET numbers as they are printed too, and other numbers that the directory tells apart"
HolderId = Annotated[
    str,
    Path(
        max_length=LONGEST_INPUT,
        description=f"PS_IdNat of a professional, or Struct_IdNat of a structure; {_TYPED}",
        examples=["899700000001"],
    ),
]
StructureId = Annotated[
    str, Path(max_length=LONGEST_INPUT, description=f"Struct_IdNat; {_TYPED}", examples=["1750000001"])
]
SectionCode = Annotated[str, Path(pattern=CODE_PATTERN, max_length=64, examples=["DEPISTAG"])]
ApplicationId = Annotated[str, Path(pattern=CODE_PATTERN, max_length=64, description="client id")]


@router.get("/choices", summary="See the choices", responses=_SEEING)
async def get_choices(
    record_id: UUID, caller: AuthenticatedCaller, pool: ServicePool, copy_limit: CopyLimit, response: Response
) -> ChoicesView:
    """Who may read, who is blocked, whose deposits are objected to, and the rest. `ETag` is the version."""
    state = await see_own_choices(pool, record_id, caller, copy_limit)
    response.headers["etag"] = etag_of(state.version)
    return ChoicesView.of(state)


@router.get("/choices/history", summary="See how the choices came about", responses=_SEEING)
async def get_history(
    record_id: UUID,
    caller: AuthenticatedCaller,
    pool: ServicePool,
    copy_limit: CopyLimit,
    before: Annotated[int, Query(ge=1, le=LARGEST_VERSION, description="`next` of the page before")] = LARGEST_VERSION,
    limit: Annotated[int, Query(ge=1, le=LONGEST_PAGE)] = 50,
) -> HistoryView:
    """Every change, newest first: what, by whom, when, and how."""
    found, has_more = await see_history(pool, record_id, caller, copy_limit, before=before, count=limit)
    return HistoryView(
        changes=[HistoryEntryView.of(one) for one in found], next=found[-1].version if has_more else None
    )


@router.get("/choices/versions/{version}", summary="See an earlier version", responses=_SEEING)
async def get_version(
    record_id: UUID,
    version: Annotated[int, Path(ge=1, le=LARGEST_VERSION)],
    caller: AuthenticatedCaller,
    pool: ServicePool,
    copy_limit: CopyLimit,
) -> VersionView:
    """All that was chosen in that version."""
    return VersionView(version=version, choices=await see_version(pool, record_id, caller, copy_limit, version))


@router.put("/authorisations/{holder_id}", summary="Authorise a professional or structure", responses=_ANSWERS)
async def authorise(holder_id: HolderId, changing: ChangingHere, body: AuthorisationBody | None = None) -> ChangeView:
    """May read the record, within the matrix and the documents' labels, until this ends; without a body from now on.

    One that begins later stands beside one in force; each takes the place of the one before it.
    The patient, a representative or a carer authorises anybody; a professional only the own person, with the patient's
    card present.
    """
    change = Change(
        action="authorise-professional",
        subject_id=holder_id,
        since=None if body is None else body.since,
        until=None if body is None else body.until,
        how="card-present" if changing.caller.kind == "professional" else "online",
    )
    return await changing.make(change)


@router.delete("/authorisations/{holder_id}", summary="End an authorisation", responses=_ANSWERS)
async def end_authorisation(holder_id: HolderId, changing: ChangingHere) -> ChangeView:
    """May no longer read, and what was to begin later does not begin."""
    return await _make(changing, "end-authorisation", holder_id)


@router.put("/attestations/{structure_id}", summary="Attest a care team", responses=_ANSWERS)
async def attest(structure_id: StructureId, body: AttestationBody, changing: ChangingHere) -> ChangeView:
    """A structure's word that the patient was informed of its care team and did not object; the patient can end it.

    By a professional acting in that structure, or by its software. For a year at most.
    """
    change = Change(
        action="attest-care-team",
        subject_id=structure_id,
        since=body.since,
        until=body.until,
        informed_on=body.informed_on,
        how="care-team",
    )
    return await changing.make(change)


@router.delete("/attestations/{structure_id}", summary="End an attestation", responses=_ANSWERS)
async def end_attestation(structure_id: StructureId, changing: ChangingHere) -> ChangeView:
    """The structure's care team may no longer read by it. By the person's side: nor does the structure attest again
    until they withdraw that (DELETE .../attestation-objections/{structure_id})."""
    return await _make(changing, "end-attestation", structure_id)


@router.delete("/attestation-objections/{structure_id}", summary="Let a structure attest again", responses=_ANSWERS)
async def withdraw_attestation_objection(structure_id: StructureId, changing: ChangingHere) -> ChangeView:
    """After the person's side had ended an attestation of this structure."""
    return await _make(changing, "withdraw-attestation-objection", structure_id)


@router.put("/blocks/{holder_id}", summary="Block a professional or structure", responses=_ANSWERS)
async def block(holder_id: HolderId, changing: ChangingHere) -> ChangeView:
    """Can never read, whatever else would allow it; authorisations end. Also by the médecin traitant."""
    return await _make(changing, "block-professional", holder_id)


@router.delete("/blocks/{holder_id}", summary="Unblock a professional or structure", responses=_ANSWERS)
async def unblock(holder_id: HolderId, changing: ChangingHere) -> ChangeView:
    """The block ends; an authorisation that it ended does not come back."""
    return await _make(changing, "unblock-professional", holder_id)


@router.put("/attending-doctors/{professional_id}", summary="Name a médecin traitant", responses=_ANSWERS)
async def name_attending_doctor(professional_id: HolderId, changing: ChangingHere) -> ChangeView:
    """Reads without an authorisation, sees masked documents and hidden sections, may block others. Only doctors."""
    return await _make(changing, "name-attending-doctor", professional_id)


@router.delete("/attending-doctors/{professional_id}", summary="End a médecin traitant's status", responses=_ANSWERS)
async def end_attending_doctor(professional_id: HolderId, changing: ChangingHere) -> ChangeView:
    """The status ends; an authorisation beside it stays."""
    return await _make(changing, "end-attending-doctor", professional_id)


@router.put("/care-team", summary="Object to the presumption of the care team, or no longer", responses=_ANSWERS)
async def choose_care_team(body: CareTeamBody, changing: ChangingHere) -> ChangeView:
    """While it is objected to, no attestation lets anybody read."""
    return await _make(changing, "object-to-care-team" if body.objected else "withdraw-care-team-objection", None)


@router.put("/emergency", summary="Choose what may be read in an emergency", responses=_ANSWERS)
async def choose_emergency(body: EmergencyBody, changing: ChangingHere) -> ChangeView:
    """Break-glass, regulation centre (SAMU), and masked documents in both: all three are said each time."""
    return await changing.make(Change(action="choose-emergency-access", emergency=body.choices))


@router.put("/hidden-sections/{section}", summary="Hide a section from professionals", responses=_ANSWERS)
async def hide_section(section: SectionCode, changing: ChangingHere) -> ChangeView:
    """The médecin traitant and authors go on seeing what lies in it."""
    return await _make(changing, "hide-section", section)


@router.delete("/hidden-sections/{section}", summary="Show a section again", responses=_ANSWERS)
async def show_section(section: SectionCode, changing: ChangingHere) -> ChangeView:
    """Professionals see it again, within their rights."""
    return await _make(changing, "show-section", section)


@router.put("/default-label", summary="Mask new documents, or no longer", responses=_ANSWERS)
async def choose_default_label(body: DefaultLabelBody, changing: ChangingHere) -> ChangeView:
    """Of documents that are deposited from now on."""
    return await changing.make(Change(action="choose-default-label", masked=body.masked))


@router.put("/feeding-objections/{structure_id}", summary="Object to deposits", responses=_ANSWERS)
async def object_to_feeding(structure_id: StructureId, changing: ChangingHere) -> ChangeView:
    """Later deposits of this structure are refused; what it has deposited stays."""
    return await _make(changing, "object-to-feeding", structure_id)


@router.delete("/feeding-objections/{structure_id}", summary="Withdraw an objection", responses=_ANSWERS)
async def withdraw_feeding_objection(structure_id: StructureId, changing: ChangingHere) -> ChangeView:
    """This structure may deposit again."""
    return await _make(changing, "withdraw-feeding-objection", structure_id)


@router.put("/applications/{application_id}", summary="Let an application read sections", responses=_ANSWERS)
async def reference_application(
    application_id: ApplicationId, body: ApplicationBody, changing: ChangingHere
) -> ChangeView:
    """A referenced application reads these sections and nothing else."""
    return await changing.make(
        Change(action="reference-application", subject_id=application_id, sections=body.sections)
    )


@router.delete("/applications/{application_id}", summary="Let an application read no longer", responses=_ANSWERS)
async def end_application(application_id: ApplicationId, changing: ChangingHere) -> ChangeView:
    """Nothing of the record is read by it any more."""
    return await _make(changing, "end-application", application_id)


async def _make(changing: ChangingHere, action: ChangeAction, subject_id: str | None) -> ChangeView:
    return await changing.make(Change(action=action, subject_id=subject_id))
