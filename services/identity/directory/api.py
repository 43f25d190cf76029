"""The routes of the directory's professionals and structures."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path

from services.identity.directory.domain.directory import DirectoryRules
from services.identity.directory.models import ProfessionalBody, ProfessionalView, StructureBody, StructureView
from services.identity.directory.usecases.put_professional import put_professional
from services.identity.directory.usecases.put_structure import put_structure
from services.identity.kit.problems import problems
from shared.http.app import AuthenticatedCaller, ServicePool
from shared.http.dependencies import provided
from shared.http.door import Door

router = APIRouter(route_class=Door, tags=["directory"])
ProvidedDirectoryRules = Annotated[DirectoryRules, Depends(provided(DirectoryRules))]
SCOPE = "directory.write"
ProfessionalId = Annotated[str, Path(description="PS_IdNat: 8 + RPPS ...", examples=["899700000001"])]
StructureId = Annotated[str, Path(description="Struct_IdNat: 1 + FINESS ...", examples=["1750000001"])]


@router.put(
    "/professionals/{professional_id}",
    operation_id="putProfessional",
    summary="Create or change a professional's entry",
    responses=problems(
        _403="needs the scope directory.write",
        _422="national-id-invalid, profession-unknown, specialty-invalid, structure-unknown",
    ),
)
async def put_professional_entry(
    professional_id: ProfessionalId, body: ProfessionalBody, caller: AuthenticatedCaller, pool: ServicePool
) -> ProfessionalView:
    """Writes the whole entry, which is public data. An identical entry changes nothing."""
    caller.require(SCOPE)
    entry = body.entry(professional_id)
    version = await put_professional(pool, entry)
    return ProfessionalView(
        professional_id=entry.id,
        version=version,
        name=entry.name,
        profession=entry.profession,
        status=entry.status,
        structure_ids=list(entry.structure_ids),
        specialties=list(entry.specialties),
    )


@router.put(
    "/structures/{structure_id}",
    operation_id="putStructure",
    summary="Create or change a structure's entry",
    responses=problems(
        _403="needs the scope directory.write; organisation-never",
        _422="national-id-invalid, activity-invalid",
    ),
)
async def put_structure_entry(
    structure_id: StructureId,
    body: StructureBody,
    caller: AuthenticatedCaller,
    pool: ServicePool,
    rules: ProvidedDirectoryRules,
) -> StructureView:
    """Writes the whole entry, which is public data. An identical entry changes nothing."""
    caller.require(SCOPE)
    entry = body.entry(structure_id, rules.occupational_medicine)
    version = await put_structure(pool, entry)
    return StructureView(structure_id=entry.id, version=version, name=entry.name, status=entry.status)
