"""The routes with which callers whom the access rules permit change a patient's choices."""

from typing import Annotated, Any

from fastapi import APIRouter, Path

from services.consent.choices.api.changer import InjectedChanger
from services.consent.choices.domain.choices import Change, ChangeAction
from services.consent.choices.models import (
    ApplicationBody,
    AttestationBody,
    AuthorisationBody,
    CareTeamBody,
    ChangeView,
    DefaultLabelBody,
    EmergencyBody,
)
from shared.contracts.base import CODE_PATTERN
from shared.http.door import Door
from shared.national_ids import LONGEST_INPUT

RESPONSES: dict[int | str, dict[str, Any]] = {
    202: {"model": ChangeView, "description": "The change is stored, but not in force yet where reads are decided."},
    403: {
        "description": "`forbidden`; `change-not-permitted`: the caller may not make this change; `blocking-oneself`."
    },
    404: {"description": "`not-found`: there is no such record, or it is not the caller's."},
    409: {"description": "`professional-blocked`: unblock first; `list-full`; `record-closed`: reopen first."},
    412: {"description": "`version-differs`: the choices have changed meanwhile; read them again (GET .../choices)."},
    422: {
        "description": "`invalid`, `national-id-invalid`, `national-id-ambiguous`, `attending-doctor-unknown`, "
        "`period-invalid`, `attestation-invalid`, `section-unknown`, `etag-invalid`"
    },
    429: {
        "description": "`too-many-changes`: more than 100 in an hour; a change that takes a right away always works."
    },
    503: {
        "description": "`record-not-ready`: the record is being opened; `cannot-be-checked-now`: nobody can act for "
        "the patient at the moment."
    },
}
router = APIRouter(route_class=Door, prefix="/records/{record_id}", tags=["choices"], responses=RESPONSES)

_ID_FORMS = "also an RPPS or SIRET number as printed, or another number that is unique in the directory"
GranteeId = Annotated[
    str,
    Path(
        max_length=LONGEST_INPUT,
        description=f"PS_IdNat of a professional, or Struct_IdNat of a structure; {_ID_FORMS}",
        examples=["899700000001"],
    ),
]
StructureId = Annotated[
    str, Path(max_length=LONGEST_INPUT, description=f"Struct_IdNat; {_ID_FORMS}", examples=["1750000001"])
]
SectionCode = Annotated[str, Path(pattern=CODE_PATTERN, max_length=64, examples=["DEPISTAG"])]
ApplicationId = Annotated[str, Path(pattern=CODE_PATTERN, max_length=64, description="client id of the application")]


@router.put(
    "/authorisations/{holder_id}",
    operation_id="authorise",
    summary="Authorise a professional or structure",
)
async def authorise(
    holder_id: GranteeId, changer: InjectedChanger, body: AuthorisationBody | None = None
) -> ChangeView:
    """Authorises the holder to read the record, within the matrix and the labels of its documents.

    Without a body the authorisation begins now and has no end. One that begins later stands beside the current one; a
    new one replaces the earlier one of its kind. The patient, a representative or a carer authorises anybody; a
    professional only themselves, with the patient's card present.
    """
    change = Change(
        action="authorise-professional",
        subject_id=holder_id,
        since=None if body is None else body.since,
        until=None if body is None else body.until,
        how="card-present" if changer.caller.kind == "professional" else "online",
    )
    return await changer.apply(change)


@router.delete(
    "/authorisations/{holder_id}",
    operation_id="endAuthorisation",
    summary="End an authorisation",
)
async def end_authorisation(holder_id: GranteeId, changer: InjectedChanger) -> ChangeView:
    """Ends the holder's authorisation; one that was to begin later does not begin."""
    return await _apply(changer, "end-authorisation", holder_id)


@router.put(
    "/attestations/{structure_id}",
    operation_id="attestCareTeam",
    summary="Attest a care team",
)
async def attest(structure_id: StructureId, body: AttestationBody, changer: InjectedChanger) -> ChangeView:
    """Attests that the patient was informed of a structure's care team and did not object.

    A professional who acts in that structure attests, or its software. The attestation lasts a year at most; the
    patient can end it.
    """
    change = Change(
        action="attest-care-team",
        subject_id=structure_id,
        since=body.since,
        until=body.until,
        informed_on=body.informed_on,
        how="care-team",
    )
    return await changer.apply(change)


@router.delete(
    "/attestations/{structure_id}",
    operation_id="endAttestation",
    summary="End an attestation",
)
async def end_attestation(structure_id: StructureId, changer: InjectedChanger) -> ChangeView:
    """Ends the attestation: the structure's care team may no longer read because of it.

    If the patient side ends it, the structure cannot attest again before they permit that (DELETE
    .../attestation-objections/{structure_id}).
    """
    return await _apply(changer, "end-attestation", structure_id)


@router.delete(
    "/attestation-objections/{structure_id}",
    operation_id="withdrawAttestationObjection",
    summary="Let a structure attest again",
)
async def withdraw_attestation_objection(structure_id: StructureId, changer: InjectedChanger) -> ChangeView:
    """Permits the structure to attest again, after the patient side has ended an attestation of it."""
    return await _apply(changer, "withdraw-attestation-objection", structure_id)


@router.put(
    "/blocks/{holder_id}",
    operation_id="block",
    summary="Block a professional or structure",
)
async def block(holder_id: GranteeId, changer: InjectedChanger) -> ChangeView:
    """Blocks the professional or structure from reading, whatever else would permit it.

    The holder's authorisations end. The médecin traitant may block others too.
    """
    return await _apply(changer, "block-professional", holder_id)


@router.delete(
    "/blocks/{holder_id}",
    operation_id="unblock",
    summary="Unblock a professional or structure",
)
async def unblock(holder_id: GranteeId, changer: InjectedChanger) -> ChangeView:
    """Ends the block; an authorisation that the block ended does not come back."""
    return await _apply(changer, "unblock-professional", holder_id)


@router.put(
    "/attending-doctors/{professional_id}",
    operation_id="nameAttendingDoctor",
    summary="Name a médecin traitant",
)
async def name_attending_doctor(professional_id: GranteeId, changer: InjectedChanger) -> ChangeView:
    """Names a doctor as médecin traitant. Only doctors can be named.

    The doctor reads without an authorisation, sees masked documents and hidden sections, and may block others.
    """
    return await _apply(changer, "name-attending-doctor", professional_id)


@router.delete(
    "/attending-doctors/{professional_id}",
    operation_id="endAttendingDoctor",
    summary="End a médecin traitant's status",
)
async def end_attending_doctor(professional_id: GranteeId, changer: InjectedChanger) -> ChangeView:
    """Ends the status; a separate authorisation of the doctor stays."""
    return await _apply(changer, "end-attending-doctor", professional_id)


@router.put(
    "/care-team",
    operation_id="chooseCareTeam",
    summary="Object to the presumption of the care team, or withdraw the objection",
)
async def choose_care_team(body: CareTeamBody, changer: InjectedChanger) -> ChangeView:
    """Sets the patient's objection to the care team; while it lasts, no attestation of a care team permits reading."""
    return await _apply(changer, "object-to-care-team" if body.objected else "withdraw-care-team-objection", None)


@router.put(
    "/emergency",
    operation_id="chooseEmergency",
    summary="Choose what may be read in an emergency",
)
async def choose_emergency(body: EmergencyBody, changer: InjectedChanger) -> ChangeView:
    """Sets break-glass, the regulation centre (SAMU) and masked documents in both; the body states all three."""
    return await changer.apply(Change(action="choose-emergency-access", emergency=body.choices))


@router.put(
    "/hidden-sections/{section}",
    operation_id="hideSection",
    summary="Hide a section from professionals",
)
async def hide_section(section: SectionCode, changer: InjectedChanger) -> ChangeView:
    """Hides the section from professionals, except from the médecin traitant and the authors of its documents."""
    return await _apply(changer, "hide-section", section)


@router.delete(
    "/hidden-sections/{section}",
    operation_id="showSection",
    summary="Show a section again",
)
async def show_section(section: SectionCode, changer: InjectedChanger) -> ChangeView:
    """Shows the section to professionals again, within their rights."""
    return await _apply(changer, "show-section", section)


@router.put(
    "/default-label",
    operation_id="chooseDefaultLabel",
    summary="Mask new documents, or stop masking them",
)
async def choose_default_label(body: DefaultLabelBody, changer: InjectedChanger) -> ChangeView:
    """Sets whether documents deposited from now on are masked."""
    return await changer.apply(Change(action="choose-default-label", masked=body.masked))


@router.put(
    "/feeding-objections/{structure_id}",
    operation_id="objectToDeposits",
    summary="Object to deposits",
)
async def object_to_feeding(structure_id: StructureId, changer: InjectedChanger) -> ChangeView:
    """Refuses later deposits of this structure; its earlier documents stay."""
    return await _apply(changer, "object-to-feeding", structure_id)


@router.delete(
    "/feeding-objections/{structure_id}",
    operation_id="withdrawDepositObjection",
    summary="Withdraw an objection to deposits",
)
async def withdraw_feeding_objection(structure_id: StructureId, changer: InjectedChanger) -> ChangeView:
    """Permits this structure to deposit again."""
    return await _apply(changer, "withdraw-feeding-objection", structure_id)


@router.put(
    "/applications/{application_id}",
    operation_id="referenceApplication",
    summary="Let an application read sections",
)
async def reference_application(
    application_id: ApplicationId, body: ApplicationBody, changer: InjectedChanger
) -> ChangeView:
    """Permits the application to read these sections and nothing else."""
    return await changer.apply(
        Change(action="reference-application", subject_id=application_id, sections=body.sections)
    )


@router.delete(
    "/applications/{application_id}",
    operation_id="endApplication",
    summary="Stop an application from reading",
)
async def end_application(application_id: ApplicationId, changer: InjectedChanger) -> ChangeView:
    """Ends the application's access to the record."""
    return await _apply(changer, "end-application", application_id)


async def _apply(changer: InjectedChanger, action: ChangeAction, subject_id: str | None) -> ChangeView:
    return await changer.apply(Change(action=action, subject_id=subject_id))
