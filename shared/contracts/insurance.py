"""Events of the health insurance, which is outside the five services: it writes its own topic and reads none."""

from typing import ClassVar
from uuid import UUID

from pydantic import Field

from shared.contracts.base import Event


class ReimbursementReported(Event):
    """One line of reimbursement, encrypted for records.

    `sheet_key`: HMAC of payer and sheet under the feed's key, `<kid>.<hex>`, so that the versions of a line keep their
    order and no key says which sheet it is. Plain text of `sealed` (JWE, A256KW, A256GCM, a key shared with records):
    JSON `{column: text}` with the columns of the insurance's files. Its protected header binds it to the report: `cty`
    is `reimbursement;id=<report_id>`.
    """

    ce_type: ClassVar[str] = "insurance.reimbursement-reported.v1"
    report_id: UUID
    sheet_key: str = Field(pattern=r"^[A-Za-z0-9_-]{1,64}\.[0-9a-f]{64}$")
    sealed: str = Field(min_length=1, max_length=16_384)

    @property
    def key(self) -> str:
        """The key of the sheet."""
        return self.sheet_key
