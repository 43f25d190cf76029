"""National parameters of the record, as records is told them at its start."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Parameters:
    """`occupational_medicine`: has no access, or with the person's express authorisation (L1111-17 IV).

    `masked_and_invisible`: whether an author may label a document so (`cumul-invisible_patient-masque_ps`).
    """

    occupational_medicine: Literal["never", "allowed"] = "never"
    masked_and_invisible: bool = False


STRICTEST = Parameters()
