"""What the patient side may state, by form: the health profile, wishes, advance directives, notes.

Sources: profile, wishes and lifestyle of Mon espace santé (codes only); surgery, implant and pregnancy are this
project's, because an emergency doctor looks for them. A blood group is none of them: it comes from a laboratory.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Final, Literal, get_args

from shared.terminology.tables import rows

StatementForm = Literal["health-profile", "wishes", "directives", "note"]
FORMS: Final[tuple[StatementForm, ...]] = get_args(StatementForm)
ORGAN_DONATION: Final = "organ-donation"
BLOOD_GROUP: Final = "blood-group"
"""What no statement may be."""


@dataclass(frozen=True, slots=True)
class StatementKind:
    """A kind of statement, and the form in which it stands."""

    code: str
    form: StatementForm
    label_fr: str
    label_en: str


@cache
def statement_kinds() -> Mapping[str, StatementKind]:
    """Returns the kinds of statement by code."""
    kinds = (
        StatementKind(row["kind"], _form(row["form"]), row["label_fr"], row["label_en"])
        for row in rows("statement_kinds")
    )
    return MappingProxyType({kind.code: kind for kind in kinds})


def _form(text: str) -> StatementForm:
    return next(form for form in FORMS if form == text)
