"""What the rules of warnings look up: public files, interactions, classes of allergens, days of repeated orders."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from services.records.clinical_facts.domain.values import Coding
from services.records.medicines.domain.interactions import InteractionTable
from services.records.medicines.domain.medicines import KnownMedicines
from services.records.medicines.domain.names import has_words
from services.records.warnings.domain.substances import system_name
from shared.terminology.tables import rows


@dataclass(frozen=True, slots=True)
class Tables:
    """The tables that are loaded here. `medicines`: empty where no public files are."""

    medicines: KnownMedicines
    interactions: InteractionTable


@dataclass(frozen=True, slots=True)
class AllergyClass:
    """A class of medicines for which people are allergic as a whole. `atc`: prefixes of its members' codes.

    `words`: normalised words by which documents declare it.
    """

    code: str
    label_fr: str
    label_en: str
    atc: tuple[str, ...]
    words: tuple[str, ...]

    def has_any(self, codes: Iterable[str]) -> bool:
        """Whether one of these ATC codes is of a member."""
        return any(code.startswith(self.atc) for code in codes)

    def is_declared_in(self, text: str) -> bool:
        """Whether a normalised text names the class."""
        return any(has_words(text, words) for words in self.words)


@cache
def allergy_classes() -> tuple[AllergyClass, ...]:
    """Returns the classes, the narrowest first."""
    classes = [
        AllergyClass(
            row["class"],
            row["label_fr"],
            row["label_en"],
            tuple(row["atc"].split()),
            tuple(row["words"].split(";")),
        )
        for row in rows("allergy_classes")
    ]
    return tuple(sorted(classes, key=lambda each: (-min(len(prefix) for prefix in each.atc), len(each.atc))))


def repeat_days(codes: Iterable[Coding]) -> int:
    """Returns within how many days an exam with one of these codes counts as repeated: the longest that is stated."""
    table, default = _repeat_days()
    stated = [days for coding in codes if (days := table.get((system_name(coding.system), coding.code))) is not None]
    return max(stated, default=default)


@cache
def _repeat_days() -> tuple[dict[tuple[str | None, str], int], int]:
    table = {(system_name(row["system"] or None), row["code"]): int(row["days"]) for row in rows("repeated_orders")}
    return table, table[None, ""]
