"""National parameters of the medical record, from the settings of records."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Parameters:
    """The national parameters of the access rules.

    `occupational_medicine`: never has access, or has it with the patient's express authorisation (L1111-17 IV).
    `masked_and_invisible`: whether an author may give a document both labels (`cumul-invisible_patient-masque_ps`).
    """

    occupational_medicine: Literal["never", "allowed"] = "never"
    masked_and_invisible: bool = False


STRICTEST = Parameters()
