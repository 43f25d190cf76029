"""The values of which a clinical fact consists: codes, quantities, times, parties.

They are msgspec structs: frozen, and decoded about four times as fast as pydantic models. Their repr() shows only the
type, so that no log line can print medical content. Members with their default value are left out when encoded.
"""

from typing import Literal

from msgspec import Struct

from shared.values import RedactedRepr

Comparator = Literal["<", "<=", ">=", ">"]


class Coding(RedactedRepr, Struct, frozen=True, omit_defaults=True, gc=False):
    """A code, the OID of its system and its label as written. The OID identifies a system, its name never does."""

    code: str
    system: str | None = None
    display: str | None = None


class Qualifier(RedactedRepr, Struct, frozen=True, omit_defaults=True, gc=False):
    """What narrows a code down: the kind of qualifier and its value, one of them at least."""

    name: Coding | None = None
    value: Coding | None = None


class Concept(RedactedRepr, Struct, frozen=True, omit_defaults=True, gc=False):
    """What a coded element says: its code, the same thing in other systems, and the author's words.

    Only codes of systems that are known by their OID are codes here; other ones stay in `text`. `text`: originalText,
    or the part of the narrative to which it refers. `null`: the nullFlavor beside it.
    """

    coding: Coding | None = None
    translations: tuple[Coding, ...] = ()
    text: str | None = None
    qualifiers: tuple[Qualifier, ...] = ()
    null: str | None = None

    @property
    def codings(self) -> tuple[Coding, ...]:
        """The code and its translations, which all mean the same thing."""
        return (self.coding, *self.translations) if self.coding is not None else self.translations

    @property
    def label(self) -> str | None:
        """The words to show: the label of the code, else the author's words, else a translation's label or a code."""
        labels = [coding.display for coding in self.codings if coding.display]
        first = self.coding.display if self.coding is not None else None
        return first or self.text or next(iter(labels), None) or next((coding.code for coding in self.codings), None)


class Quantity(RedactedRepr, Struct, frozen=True, omit_defaults=True, gc=False, tag="quantity"):
    """A number as written (`value`: decimal digits, never through a float) with its unit as written.

    `comparator`: of a value such as `<1.0 mg/L`, which is no point of a curve. `translations`: the same quantity in
    other units, as the author converted it.
    """

    value: str
    unit: str | None = None
    comparator: Comparator | None = None
    translations: tuple["Quantity", ...] = ()


class QuantityRange(RedactedRepr, Struct, frozen=True, omit_defaults=True, gc=False, tag="range"):
    """Values between two bounds; a missing bound is open. `words`: the bounds in the author's words."""

    low: Quantity | None = None
    high: Quantity | None = None
    words: str | None = None


class QuantityRatio(RedactedRepr, Struct, frozen=True, omit_defaults=True, gc=False, tag="ratio"):
    """A ratio, such as a titre (1/128) or the strength of a medicine (75 ug for each tablet)."""

    numerator: Quantity | None = None
    denominator: Quantity | None = None


class CodedValue(RedactedRepr, Struct, frozen=True, omit_defaults=True, gc=False, tag="coded"):
    """Values that are codes, mostly a single one."""

    concepts: tuple[Concept, ...]


class TextValue(RedactedRepr, Struct, frozen=True, omit_defaults=True, gc=False, tag="text"):
    """A value in words."""

    text: str


class BooleanValue(RedactedRepr, Struct, frozen=True, omit_defaults=True, gc=False, tag="boolean"):
    """A yes or no. A false one also negates its fact."""

    value: bool


class TimeValue(RedactedRepr, Struct, frozen=True, omit_defaults=True, gc=False, tag="time"):
    """A value that is a time, such as the expected date of birth of a child."""

    time: "FactTime"


class FactTime(RedactedRepr, Struct, frozen=True, omit_defaults=True, gc=False):
    """A time as precise as its author wrote it; all None means that it is not known.

    Texts are ISO 8601: 2026, 2026-03, 2026-03-12, or 2026-03-12T09:30+01:00 with seconds where written. A time of day
    without a zone is French time. `at`: a moment; `start` and `end`: a period. `end_unknown`: no end is stated, or one
    that its author does not know; it never means that it goes on. `words`: the time in words.
    """

    at: str | None = None
    start: str | None = None
    end: str | None = None
    end_unknown: bool = False
    words: str | None = None

    @property
    def is_unknown(self) -> bool:
        """Whether no date stands in it."""
        return not (self.at or self.start or self.end)

    @property
    def first(self) -> str | None:
        """The moment, else the start, else the end: what facts are sorted by."""
        return self.at or self.start or self.end


class ReferenceRange(RedactedRepr, Struct, frozen=True, omit_defaults=True, gc=False):
    """A range of the laboratory that made the result, with what it applies to."""

    range: QuantityRange | None = None
    text: str | None = None
    interpretation: Concept | None = None


class FactParty(RedactedRepr, Struct, frozen=True, omit_defaults=True, gc=False):
    """A person or an organisation that takes part.

    `role`: author, performer, laboratory, informant, verifier or device. `id` and `organisation_id`: `OID^extension`.
    """

    role: str
    id: str | None = None
    name: str | None = None
    organisation_id: str | None = None
    organisation: str | None = None
    function: Concept | None = None
    at: str | None = None


FactValue = Quantity | QuantityRange | QuantityRatio | CodedValue | TextValue | BooleanValue | TimeValue
