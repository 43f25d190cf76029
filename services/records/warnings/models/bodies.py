"""The bodies of requests: a prescription, and warnings that are acknowledged."""

from typing import Annotated, Final, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator

from services.records.clinical_facts.domain.values import Coding
from services.records.warnings.domain.acknowledgements import LONGEST_REASON, MOST_AT_ONCE, SHORTEST_REASON
from services.records.warnings.domain.prescription import OrderedExam, OrderedIngredient, OrderedMedicine, Prescription
from services.records.warnings.domain.prescription_documents import LARGEST_DOCUMENT, prescription_of_cda
from shared.terminology.clinical import oid_of_system

LONGEST_CDA: Final = 4 * LARGEST_DOCUMENT // 3 + 4
"""Characters of the largest document in base64."""
Name = Annotated[str, Field(min_length=1, max_length=300)]


class CodeBody(BaseModel):
    """A code: its system as a FHIR system or `urn:oid:...`, such as that of CIS, CIP, ATC or LOINC."""

    model_config = ConfigDict(extra="forbid")
    system: Annotated[str, Field(min_length=1, max_length=200, examples=["http://www.whocc.no/atc"])]
    code: Annotated[str, Field(min_length=1, max_length=64, examples=["J01CA04"])]
    display: Name | None = None

    def coding(self) -> Coding:
        """Returns the code with the OID of its system."""
        return Coding(self.code.strip(), oid_of_system(self.system), self.display)


Codes = Annotated[list[CodeBody], Field(max_length=10)]


class IngredientBody(BaseModel):
    """An active ingredient, by codes or by name."""

    model_config = ConfigDict(extra="forbid")
    codes: Codes = []
    name: Name | None = None


class MedicineBody(BaseModel):
    """A prescribed medicine, by codes, ingredients or name; by a name alone it is not checked."""

    model_config = ConfigDict(extra="forbid")
    codes: Codes = []
    name: Name | None = None
    ingredients: Annotated[list[IngredientBody], Field(max_length=20)] = []


class ExamBody(BaseModel):
    """An ordered exam, by codes."""

    model_config = ConfigDict(extra="forbid")
    codes: Annotated[list[CodeBody], Field(min_length=1, max_length=10)]
    name: Name | None = None


class PrescriptionBody(BaseModel):
    """A prescription. Its items are numbered from 0, medicines first; those of a document in their order in it."""

    model_config = ConfigDict(extra="forbid")
    medicines: Annotated[list[MedicineBody], Field(max_length=50)] = []
    exams: Annotated[list[ExamBody], Field(max_length=50)] = []
    cda: Annotated[str, Field(min_length=1, max_length=LONGEST_CDA)] | None = Field(
        default=None, description="or the document (CDA, level 3, such as eP-MED-DM) in base64, and no items beside it"
    )

    @model_validator(mode="after")
    def _has_items(self) -> Self:
        if bool(self.medicines or self.exams) == (self.cda is not None):
            raise ValueError("a prescription has a medicine or an exam, or is a document")
        return self

    def parsed(self) -> Prescription:
        """Returns the prescription. Raises PrescriptionUnreadableError."""
        if self.cda is not None:
            return prescription_of_cda(self.cda)
        medicines = [
            OrderedMedicine(
                tuple(code.coding() for code in medicine.codes),
                medicine.name,
                tuple(
                    OrderedIngredient(tuple(code.coding() for code in each.codes), each.name)
                    for each in medicine.ingredients
                ),
            )
            for medicine in self.medicines
        ]
        exams = [OrderedExam(tuple(code.coding() for code in exam.codes), exam.name) for exam in self.exams]
        return Prescription(tuple(medicines), tuple(exams))


class AcknowledgementBody(BaseModel):
    """Warnings that are acknowledged: the same prescription, the warnings by their ids, and the reason."""

    model_config = ConfigDict(extra="forbid")
    prescription: PrescriptionBody
    warnings: Annotated[frozenset[UUID], Field(min_length=1, max_length=MOST_AT_ONCE)]
    reason: Annotated[str, Field(min_length=SHORTEST_REASON, max_length=2 * LONGEST_REASON)]
