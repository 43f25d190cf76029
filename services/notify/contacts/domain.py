"""How to reach the person of a record. Pure."""

from dataclasses import dataclass
from typing import Literal

from services.notify.kit.kinds import Language

Relation = Literal["holder", "representative"]


@dataclass(frozen=True, slots=True, repr=False)
class Contact:
    """How to reach the person of a record: addresses, language, and the person's relation to the record's holder."""

    mail: str | None
    language: Language
    relation: Relation
    mobile: str | None = None
