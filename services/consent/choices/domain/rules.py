"""The parameters of choices, taken from the settings of consent."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal


@dataclass(frozen=True, slots=True)
class ChoicesRules:
    """The parameters of choices.

    `copy_limit`: the greatest age of the copies on which somebody acts for the patient; `occupational_medicine`: the
    national parameter.
    """

    max_copy_age: timedelta = timedelta(seconds=120)
    occupational_medicine: Literal["never", "allowed"] = "never"
