"""Recognises where a fact's own words say the contrary of its code, or something else altogether.

The code counts. The fact is marked, so that its readers look at the document.
"""

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from services.records.clinical_facts.domain.values import BooleanValue, Concept, FactValue, Quantity

_AFFIRMED: Final = frozenset({"oui", "yes", "present", "presente", "presents"})
_DENIED: Final = frozenset(
    {"non", "no", "0", "aucun", "aucune", "neant", "absent", "absente", "absents", "absentes", "jamais"}
)
_ANSWER: Final = re.compile(r"([a-z]+|0)\s*(?:[(,;:].*)?")
_NUMBER: Final = re.compile(r"\d{1,9}", re.ASCII)
_WORD: Final = re.compile(r"[a-z]{3,}")
_SAYS_LITTLE: Final = frozenset(
    {
        *("avec", "sans", "pour", "dans", "par", "des", "les", "une", "texte", "libre", "code", "type", "diagnostic"),
        *("maladie", "rare", "allergie", "allergene", "vaccin", "medicament", "traitement", "comprime", "gelule"),
        *("the", "and", "with"),
    }
)
"""Words that name no particular thing, beside all that begins with autre."""
_STEM: Final = 4
_LONGEST_ANSWER: Final = 60


def contradicts(words: Iterable[str | None], value: FactValue | None, *, negated: bool) -> bool:
    """Whether words such as Oui, Non or 0 say the contrary of what is coded: `negated`, and the value."""
    is_denied = negated or (isinstance(value, BooleanValue) and not value.value)
    for text in words:
        folded = _folded(text) if text is not None and len(text) <= _LONGEST_ANSWER else ""
        if isinstance(value, Quantity):
            if _contradicts_number(folded, value.value, negated=negated):
                return True
        elif _answer(folded) in (_AFFIRMED if is_denied else _DENIED):
            return True
    return False


def _contradicts_number(words: str, number: str, *, negated: bool) -> bool:
    """Whether words state another number, deny a number, or state the number that is negated."""
    stated = _NUMBER.match(words)
    if negated:
        return stated is not None and stated[0] == number
    if _NUMBER.fullmatch(words) and _NUMBER.fullmatch(number):
        return int(words) != int(number)
    return _answer(words) in _DENIED - {"0"}


def _answer(words: str) -> str | None:
    """Returns the word with which a text answers: Oui, or Non (reason)."""
    match = _ANSWER.fullmatch(words)
    return match[1] if match is not None else None


def differs(concept: Concept | None, *names: str | None) -> bool:
    """Whether a concept's words or other names of the same thing have nothing in common with any label of its codes."""
    if concept is None:
        return False
    labels = [coding.display for coding in concept.codings if coding.display]
    return any(_differ(labels, name) for name in (concept.text, *names) if name)


def _differ(labels: list[str], name: str) -> bool:
    stems = _stems(name)
    judged = [label_stems for label in labels if (label_stems := _stems(label))]
    return bool(stems) and bool(judged) and not any(_share(stems, label_stems) for label_stems in judged)


def _share(first: frozenset[str], second: frozenset[str]) -> bool:
    """Whether a stem is in both; one of three letters is an abbreviation of what begins with it."""
    return not first.isdisjoint(second) or any(a.startswith(b) or b.startswith(a) for a in first for b in second)


@lru_cache(maxsize=2048)
def _stems(text: str) -> frozenset[str]:
    """Returns the beginnings of the words that say something; of an answer (Oui) and of `autre` there are none."""
    folded = _folded(text[:300])
    if folded.startswith("autre") or _answer(folded) in _AFFIRMED | _DENIED:
        return frozenset()
    return frozenset(word[:_STEM] for word in _WORD.findall(folded) if word not in _SAYS_LITTLE)


@lru_cache(maxsize=4096)
def _folded(text: str) -> str:
    """Returns a text in lower case, without accents and outer punctuation."""
    plain = unicodedata.normalize("NFD", text.casefold().replace("œ", "oe"))
    return "".join(letter for letter in plain if not unicodedata.combining(letter)).strip(" .,;:!?-*")
