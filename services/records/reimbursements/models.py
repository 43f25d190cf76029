"""The bodies of requests and answers about a history of reimbursements."""

from datetime import date

from pydantic import BaseModel, ConfigDict, Field

from services.records.reimbursements.domain.cda.document import Patient
from services.records.reimbursements.domain.history import HistoryPage, StoredCare
from services.records.reimbursements.domain.lines import Kind
from shared.values import Ins, InvalidTraitsError, Sex, StrictTraits


class Party(BaseModel):
    """Who prescribed, or did or supplied it, as the insurance names them."""

    id: str | None = None
    name: str | None = None
    specialty: str | None = None


class HistoryLine(BaseModel):
    """One reimbursed act or product. The amounts, in cents, are for the patient and representatives alone."""

    kind: Kind
    care_from: date
    care_to: date
    code: str | None = Field(default=None, examples=["3400930000120"])
    code_system: str | None = Field(default=None, examples=["CIP13"])
    label: str | None = None
    group_code: str | None = None
    group_label: str | None = None
    ingredients: str | None = None
    quantity: int | None = None
    prescriber: Party | None = None
    performer: Party | None = None
    facility: str | None = None
    amount_paid: int | None = None
    amount_reimbursed: int | None = None
    paid_on: date | None = None


class History(BaseModel):
    """A page of the history, newest care first. `kept_from`: the first day of care that is kept."""

    lines: list[HistoryLine]
    page: int
    pages: int
    total: int
    kept_from: date


def history_of(page: HistoryPage) -> History:
    """Returns the page in the form of the API."""
    return History(
        lines=[_line(line) for line in page.lines],
        page=page.page,
        pages=page.pages,
        total=page.total,
        kept_from=page.kept_from,
    )


def _line(line: StoredCare) -> HistoryLine:
    care = line.care
    return HistoryLine(
        kind=care.kind,
        care_from=care.care_from,
        care_to=care.care_to,
        code=care.code,
        code_system=care.code_system,
        label=care.label,
        group_code=care.group_code,
        group_label=care.group_label,
        ingredients=care.ingredients,
        quantity=care.quantity,
        prescriber=_party(care.prescriber_id, care.prescriber_name, care.prescriber_specialty),
        performer=_party(care.performer_id, care.performer_name),
        facility=care.facility,
        amount_paid=care.amount_paid,
        amount_reimbursed=care.amount_reimbursed,
        paid_on=care.paid_on,
    )


def _party(id: str | None, name: str | None, specialty: str | None = None) -> Party | None:
    return Party(id=id, name=name, specialty=specialty) if id or name or specialty else None


class PatientBody(BaseModel):
    """The person of the record: INS and strict traits, as on the identity document."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)
    ins: str = Field(max_length=64, repr=False, description="15 characters", examples=["255069999999934"])
    ins_oid: str = Field(max_length=64, description="NIR .8, NIA .9, tests .10, .11", examples=["1.2.250.1.213.1.4.10"])
    birth_name: str = Field(max_length=100, repr=False, examples=["PAT-TROIS"])
    given_name: str = Field(max_length=100, repr=False, description="first given name", examples=["DOMINIQUE"])
    birth_date: str = Field(max_length=10, repr=False, description="YYYY-MM-DD", examples=["1955-06-12"])
    sex: str = Field(max_length=10, repr=False, description="male, female, unknown", examples=["female"])
    birth_place: str | None = Field(default=None, max_length=5, repr=False, description="INSEE code (COG)")

    def parsed(self) -> Patient:
        """Returns the person. Raises InvalidInsError, UnknownInsSystemError, InvalidTraitsError."""
        sex = Sex.of(self.sex)
        if sex is None:
            raise InvalidTraitsError
        traits = StrictTraits(self.birth_name, self.given_name, self.birth_date, sex, self.birth_place)
        return Patient(Ins.parse(self.ins, self.ins_oid), traits)
