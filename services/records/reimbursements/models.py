"""The bodies of answers about a history of reimbursements."""

from datetime import date

from pydantic import BaseModel, Field

from services.records.reimbursements.domain.history import HistoryPage, StoredCare
from services.records.reimbursements.domain.lines import Kind


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
