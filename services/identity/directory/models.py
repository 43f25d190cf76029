"""API models of the directory's entries."""

from pydantic import BaseModel, Field

from services.identity.directory.domain.directory import (
    DirectoryStatus,
    Professional,
    Structure,
    profession_code,
    professional_id,
    specialty_code,
    structure_id,
)
from services.identity.directory.domain.kinds import OccupationalMedicine, check_organisation
from services.identity.kit.bodies import Body, Name, Text


class ProfessionalBody(Body):
    """The public entry of a professional."""

    name: Name = Field(examples=["Dr Camille MARTIN"])
    profession: Text = Field(description="code of JDV_J65: G15_10, or 10 for TRE_G15", examples=["G15_10"])
    status: DirectoryStatus = "active"
    structure_ids: list[Text] = Field(default=[], max_length=50, examples=[["1750000001"]])
    specialties: list[Text] = Field(default=[], max_length=50, description="savoir-faire", examples=[["SM26"]])

    def entry(self, identifier: str) -> Professional:
        """Returns the entry. Raises InvalidNationalIdError, ProfessionUnknownError, SpecialtyInvalidError."""
        return Professional(
            professional_id(identifier),
            self.name,
            profession_code(self.profession),
            self.status,
            tuple(sorted({structure_id(identifier2) for identifier2 in self.structure_ids})),
            tuple(sorted({specialty_code(specialty) for specialty in self.specialties})),
        )


class ProfessionalView(BaseModel):
    """The current entry."""

    professional_id: str
    version: int
    name: str
    profession: str
    status: DirectoryStatus
    structure_ids: list[str]
    specialties: list[str]


class StructureBody(Body):
    """The public entry of a structure."""

    name: Name = Field(examples=["Hôpital de Démonstration"])
    status: DirectoryStatus = "active"
    activity: Text | None = Field(default=None, description="NAF code", examples=["86.10Z"])
    sector: Text | None = Field(
        default=None, description="TRE_R02-SecteurActivite; if omitted, the stored value is kept", examples=["SA01"]
    )

    def entry(self, identifier: str, occupational_medicine: OccupationalMedicine) -> Structure:
        """Returns the entry. Raises InvalidNationalIdError, OrganisationNeverError, ActivityInvalidError."""
        check_organisation(None, self.activity, self.sector, occupational_medicine)
        sector = None if self.sector is None else self.sector.strip()
        return Structure(structure_id(identifier), self.name, self.status, sector)


class StructureView(BaseModel):
    """The current entry."""

    structure_id: str
    version: int
    name: str
    status: DirectoryStatus
