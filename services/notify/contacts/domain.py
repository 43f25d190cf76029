"""The contact of a record's person, as alerts use it."""

from dataclasses import dataclass
from typing import Literal

from services.notify.kit.kinds import Language

Relation = Literal["holder", "representative"]


@dataclass(frozen=True, slots=True, repr=False)
class Contact:
    """The contact of a record's person: addresses, language, and the person's relation to the record's holder."""

    mail: str | None
    language: Language
    relation: Relation
    mobile: str | None = None
