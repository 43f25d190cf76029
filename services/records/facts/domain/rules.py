"""What the settings of records decide about access."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal


@dataclass(frozen=True, slots=True)
class FactsRules:
    """The parameters of the access rules.

    `max_copy_age`: with older copies, only the holder may still read. The national parameters:
    `occupational_medicine`: never has access, or has it with the patient's express authorisation (L1111-17 IV).
    `masked_and_invisible`: whether an author may give a document both labels (`cumul-invisible_patient-masque_ps`).
    """

    max_copy_age: timedelta
    occupational_medicine: Literal["never", "allowed"] = "never"
    masked_and_invisible: bool = False
