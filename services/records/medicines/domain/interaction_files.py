"""Lines of an operator's table of interactions: pairs of groups, and the members of groups (docs/warnings.md)."""

from collections.abc import Mapping
from typing import Final

from services.records.medicines.domain.interactions import GroupMember, Interaction, parse_atc, parse_level
from services.records.medicines.domain.names import normalised_name
from services.records.medicines.domain.public_files import MedicineLineError
from shared.delimited import Columns
from shared.human_text import clean_line

PAIRS: Final = Columns(
    {name: name for name in ("first", "second", "level", "risk", "risk_en", "advice", "advice_en")},
    ("first", "second", "level", "risk"),
)
MEMBERS: Final = Columns({name: name for name in ("group", "substance", "atc")}, ("group",))
_LONGEST_NAME: Final = 300
_LONGEST_TEXT: Final = 4000


def parse_pair(cells: Mapping[str, str]) -> Interaction:
    """Returns a pair. Raises MedicineLineError."""
    level = parse_level(cells["level"])
    if level is None:
        raise MedicineLineError("level-unknown")
    texts = {name: _text(cells.get(name, "")) for name in ("risk_en", "advice", "advice_en")}
    risk = _text(cells["risk"])
    if risk is None:
        raise MedicineLineError("risk-missing")
    return Interaction(_name(cells["first"]), _name(cells["second"]), level, risk, **texts)


def parse_member(cells: Mapping[str, str]) -> GroupMember:
    """Returns a member. Raises MedicineLineError."""
    written = cells.get("atc", "").strip()
    atc = parse_atc(written)
    if written and atc is None:
        raise MedicineLineError("atc-invalid")
    substance = cells.get("substance", "").strip()
    if not substance and atc is None:
        raise MedicineLineError("member-missing")
    return GroupMember(_name(cells["group"]), _name(substance) if substance else None, atc)


def _name(text: str) -> str:
    name = clean_line(text)
    if not normalised_name(name):
        raise MedicineLineError("name-missing")
    if len(name) > _LONGEST_NAME:
        raise MedicineLineError("name-too-long")
    return name


def _text(text: str) -> str | None:
    cleaned = clean_line(text)
    if len(cleaned) > _LONGEST_TEXT:
        raise MedicineLineError("text-too-long")
    return cleaned or None
