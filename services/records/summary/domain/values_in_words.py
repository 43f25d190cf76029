"""The values of a fact in words: times, quantities, codes, and how a medicine is taken."""

from collections.abc import Iterator

from services.records.clinical_facts.domain.model import Frequency, Ingredient, Posology
from services.records.clinical_facts.domain.values import (
    BooleanValue,
    CodedValue,
    Concept,
    FactTime,
    FactValue,
    Quantity,
    QuantityRange,
    QuantityRatio,
    TextValue,
)
from services.records.summary.domain.words import Words


def value_in_words(value: FactValue, words: Words) -> str:
    """Returns a value, a quantity with its comparator and its unit as written."""
    match value:
        case Quantity() | QuantityRange():
            return amount_in_words(value, words)
        case QuantityRatio():
            return _ratio(value)
        case CodedValue(concepts):
            return ", ".join(label for concept in concepts if (label := concept.label))
        case TextValue(text):
            return text
        case BooleanValue(is_true):
            return words("yes" if is_true else "no")
        case _:
            return time_in_words(value.time, words) or words("date-unknown")


def amount_in_words(amount: Quantity | QuantityRange, words: Words) -> str:
    """Returns a quantity, or a range in its author's words or between its bounds."""
    if isinstance(amount, Quantity):
        unit = amount.unit or ""
        name = f"unit-{unit}"
        return f"{amount.comparator or ''}{amount.value} {words(name) if words.has(name) else unit}".strip()
    low, high = (amount_in_words(bound, words) if bound is not None else "" for bound in (amount.low, amount.high))
    if amount.words is not None:
        return amount.words
    if low and high:
        return words("range", low=low, high=high)
    return words("at-least", text=low) if low else words("at-most", text=high)


def time_in_words(time: FactTime | None, words: Words) -> str | None:
    """Returns a time as precisely as it is written; None where nothing of it stands in the document."""
    if time is None:
        return None
    if time.at is not None:
        return words("in" if len(time.at) < len("2026-01-01") else "on", day=words.iso(time.at))
    ends = words("end-unknown") if time.end_unknown else None
    match time.start, time.end:
        case None, None:
            return time.words
        case None, str(end):
            return words("until", day=words.iso(end))
        case str(start), None:
            since = words("since", day=words.iso(start))
            return f"{since}, {ends}" if ends else since
        case str(start), str(end):
            return words("from-to", start=words.iso(start), end=words.iso(end))
    return None


def posology_in_words(posology: Posology, words: Words) -> str:
    """Returns a step of taking a medicine: when, how much, how often."""
    parts = [
        time_in_words(posology.during, words),
        words("lasting", text=amount_in_words(posology.lasting, words)) if posology.lasting else None,
        posology.dose_words or (amount_in_words(posology.dose, words) if posology.dose is not None else None),
        words("rate", text=amount_in_words(posology.rate, words)) if posology.rate is not None else None,
        *(_frequency(frequency, words) for frequency in posology.frequency),
        words("highest", text=_ratio(posology.highest)) if posology.highest is not None else None,
    ]
    return ", ".join(part for part in parts if part)


def ingredient_in_words(ingredient: Ingredient, words: Words) -> str:
    """Returns a substance with its strength."""
    strength = _ratio(ingredient.strength) if ingredient.strength is not None else ""
    return " ".join(part for part in (ingredient.substance.label or words("unnamed"), strength) if part)


def labels(*concepts: Concept | None) -> Iterator[str]:
    """Yields the labels of the concepts that have one."""
    for concept in concepts:
        if concept is not None and (label := concept.label):
            yield label


def _frequency(frequency: Frequency, words: Words) -> str | None:
    if frequency.words is not None:
        return frequency.words
    if frequency.event is not None:
        name = f"event-{frequency.event}"
        return words(name) if words.has(name) else words("event", event=frequency.event)
    return words("every", period=amount_in_words(frequency.period, words)) if frequency.period is not None else None


def _ratio(ratio: QuantityRatio) -> str:
    sides = (ratio.numerator, ratio.denominator)
    return " / ".join(f"{side.value} {side.unit or ''}".strip() for side in sides if side is not None)
