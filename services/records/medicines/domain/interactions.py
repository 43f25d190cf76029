"""The table of interactions between medicines: pairs of groups of substances, with their level and risk.

Source of the levels: ANSM, thésaurus national des interactions médicamenteuses.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cache
from itertools import product
from typing import Final

from services.records.medicines.domain.medicines import is_atc
from services.records.medicines.domain.names import names_of_substance, normalised_name
from shared.terminology.tables import rows

BUILT_IN: Final = "ANSM, thésaurus des interactions médicamenteuses: a selection"
BUILT_IN_EDITION: Final = date(2016, 8, 1)


class InteractionLevel(StrEnum):
    """The four levels of the thesaurus, the most severe first."""

    CONTRAINDICATED = "contraindicated"
    DISCOURAGED = "discouraged"
    PRECAUTION = "precaution"
    CONSIDER = "consider"


@dataclass(frozen=True, slots=True)
class TableVersion:
    """Which edition of which source a table is. `is_built_in`: the small table that comes with this release."""

    source: str
    dated_on: date
    is_built_in: bool = False


@dataclass(frozen=True, slots=True)
class GroupMember:
    """A member of a group: a substance by its name, by ATC code (of a substance or a class), or by both."""

    group: str
    substance: str | None
    atc: str | None


@dataclass(frozen=True, slots=True)
class Interaction:
    """A pair of groups that interact. `risk`: in French, or as its source words it; `advice`: what to do, likewise."""

    first: str
    second: str
    level: InteractionLevel
    risk: str
    risk_en: str | None = None
    advice: str | None = None
    advice_en: str | None = None


class InteractionTable:
    """The table, ready for look-ups by names of substances and by ATC codes."""

    def __init__(
        self, version: TableVersion, interactions: Iterable[Interaction], members: Iterable[GroupMember]
    ) -> None:
        self.version = version
        self._pairs: dict[tuple[str, str], list[Interaction]] = {}
        self._by_name: dict[str, set[str]] = {}
        self._by_atc: dict[str, set[str]] = {}
        self.is_complete_by_name = self.is_complete_by_atc = True
        described = set()
        for member in members:
            described.add(_key(member.group))
            self._add(member)
        for interaction in interactions:
            first, second = _key(interaction.first), _key(interaction.second)
            self._pairs.setdefault((first, second), []).append(interaction)
            for group in {first, second} - described:  # a substance by its own name
                described.add(group)
                self._add(GroupMember(group, group, None))

    def between(
        self, first: tuple[Iterable[str], Iterable[str]], second: tuple[Iterable[str], Iterable[str]]
    ) -> list[Interaction]:
        """Returns the interactions of two medicines, each by its substances' names and its ATC codes, worst first."""
        mine, others = self._groups(*first), self._groups(*second)
        interactions: dict[int, Interaction] = {}
        for pair in product(mine, others):
            for interaction in (*self._pairs.get(pair, ()), *self._pairs.get(pair[::-1], ())):
                interactions[id(interaction)] = interaction
        order = list(InteractionLevel)
        return sorted(
            interactions.values(), key=lambda each: (order.index(each.level), each.first, each.second, each.risk)
        )

    def _add(self, member: GroupMember) -> None:
        group = _key(member.group)
        if member.substance is not None:
            for name in names_of_substance(member.substance):
                self._by_name.setdefault(name, set()).add(group)
        if member.atc is not None:
            self._by_atc.setdefault(member.atc, set()).add(group)
        self.is_complete_by_name &= member.substance is not None
        self.is_complete_by_atc &= member.atc is not None

    def _groups(self, names: Iterable[str], codes: Iterable[str]) -> set[str]:
        by_name = (self._by_name.get(name, ()) for name in names)
        by_atc = (self._by_atc.get(code[:length], ()) for code in codes for length in range(1, len(code) + 1))
        return {group for groups in (*by_name, *by_atc) for group in groups}


def parse_level(text: str) -> InteractionLevel | None:
    """Returns a level by its code, or in the French words of the thesaurus; None for any other text."""
    return _LEVELS.get(normalised_name(text))


def parse_atc(text: str) -> str | None:
    """Returns an ATC code of a substance or a class; None for any other text."""
    code = text.strip().upper()
    return code if is_atc(code) else None


@cache
def built_in_table() -> InteractionTable:
    """Returns the table that comes with this release: few pairs, all of them severe."""
    version = TableVersion(BUILT_IN, BUILT_IN_EDITION, is_built_in=True)
    interactions = [
        Interaction(row["first"], row["second"], InteractionLevel(row["level"]), row["risk"], row["risk_en"])
        for row in rows("interactions")
    ]
    members = [GroupMember(row["group"], row["substance"], row["atc"]) for row in rows("interaction_members")]
    return InteractionTable(version, interactions, members)


def _key(group: str) -> str:
    return normalised_name(group)


_LEVELS: Final = {
    **{normalised_name(level): level for level in InteractionLevel},
    "CONTRE INDICATION": InteractionLevel.CONTRAINDICATED,
    "CI": InteractionLevel.CONTRAINDICATED,
    "ASSOCIATION DECONSEILLEE": InteractionLevel.DISCOURAGED,
    "AD": InteractionLevel.DISCOURAGED,
    "ASDEC": InteractionLevel.DISCOURAGED,
    "PRECAUTION D EMPLOI": InteractionLevel.PRECAUTION,
    "PE": InteractionLevel.PRECAUTION,
    "A PRENDRE EN COMPTE": InteractionLevel.CONSIDER,
    "APEC": InteractionLevel.CONSIDER,
}
