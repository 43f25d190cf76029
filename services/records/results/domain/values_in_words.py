"""A value of a result in words, as its author wrote it."""

from services.records.clinical_facts.domain.values import (
    BooleanValue,
    CodedValue,
    FactValue,
    Quantity,
    QuantityRange,
    QuantityRatio,
    TextValue,
    TimeValue,
)


def words_of(value: FactValue) -> str:
    """Returns the value as a text: `<1.0 mg/L`, `1/128`, `A RH POS`."""
    match value:
        case Quantity():
            return f"{value.comparator or ''}{value.value}{f' {value.unit}' if value.unit else ''}"
        case QuantityRange():
            bounds = [words_of(bound) for bound in (value.low, value.high) if bound is not None]
            return value.words or " – ".join(bounds)
        case QuantityRatio():
            return "/".join(words_of(part) for part in (value.numerator, value.denominator) if part is not None)
        case CodedValue():
            return ", ".join(concept.label or "" for concept in value.concepts)
        case TextValue():
            return value.text
        case BooleanValue():
            return "true" if value.value else "false"
        case TimeValue():
            return value.time.words or value.time.first or ""
