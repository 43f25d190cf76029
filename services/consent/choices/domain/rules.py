"""What the settings of consent decide about choices."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal


@dataclass(frozen=True, slots=True)
class ChoicesRules:
    """`copy_limit`: the greatest age of the copies on which somebody acts for the patient; `occupational_medicine`: the
    national parameter."""

    copy_limit: timedelta = timedelta(seconds=120)
    occupational_medicine: Literal["never", "allowed"] = "never"
