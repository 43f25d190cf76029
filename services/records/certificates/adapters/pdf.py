"""Writes a certificate as one page, a tagged PDF (PDF/UA-1, ISO 14289-1), in French and English (typst).

The signed card is attached to it, so that the file alone is enough.
"""

import tomllib
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Any, Final

import orjson
from babel.dates import format_date

from services.records.certificates.adapters.qr_images import qr_image
from services.records.certificates.domain.bundle import card_codes
from services.records.certificates.domain.doses import PerformedDose, VaccineCode
from services.records.certificates.domain.health_card import IssuedCard
from shared.moments import FRANCE
from shared.terminology.vaccines import ATC, CVX, VaccineDisease

_ROOM: Final = "services.records.certificates.adapters"
_LONGEST_NAME, _LONGEST_CODES, _LONGEST_LOT = 56, 60, 16
"""Characters on the page, so that it stays one; an ellipsis replaces the rest. The signed card is unchanged by it."""
_SYSTEMS: Final = {ATC: "ATC", CVX: "CVX", "http://snomed.info/sct": "SNOMED CT"}


@cache
def words() -> dict[str, dict[str, str]]:
    """Returns the words of the page by name, in `french` and `english`."""
    return tomllib.loads((files(_ROOM) / "texts.toml").read_text("utf-8"))


@cache
def _template() -> bytes:
    return (files(_ROOM) / "certificate.typ").read_bytes()


def write_pdf(card: IssuedCard, disease: VaccineDisease | None) -> bytes:
    """Returns the page about a card. `disease`: the one that it is about, if it was issued for a disease."""
    import typst

    shown = orjson.dumps(_shown(card, disease)).decode()
    written: bytes = typst.compile(
        _template(),
        sys_inputs={"shown": shown},
        pdf_standards=["ua-1"],
        ignore_system_fonts=True,
        timestamp=card.issued_at,
    )
    return written


def _shown(card: IssuedCard, disease: VaccineDisease | None) -> dict[str, Any]:
    count = len(card.codes)
    return {
        "words": words(),
        "name": f"{card.holder.given_name} {card.holder.birth_name}",
        "birth_date": _day(date.fromisoformat(card.holder.birth_date)),
        "disease": None if disease is None else {"french": disease.french, "english": disease.english},
        "doses": [_dose(dose) for dose in card.doses],
        "codes": [
            {"svg": qr_image(code, "svg").decode(), "place": f" ({number}/{count})" if count > 1 else ""}
            for number, code in enumerate(card.codes, 1)
        ],
        "issuer": card.issuer,
        "issued_on": _day(card.issued_at.astimezone(FRANCE).date()),
        "rid": card.rid,
        "file": card.file().decode(),
    }


def _dose(dose: PerformedDose) -> dict[str, Any]:
    return {
        "day": _day(dose.day),
        "name": _cut(dose.name or "", _LONGEST_NAME),
        "codes": _cut(", ".join(_label(code) for code in card_codes(dose.codes)), _LONGEST_CODES),
        "lot": _cut(dose.lot or "", _LONGEST_LOT),
        "performer": _cut(dose.performer or "", _LONGEST_NAME),
    }


def _day(day: date) -> dict[str, str]:
    return {"french": format_date(day, "d MMM y", locale="fr"), "english": format_date(day, "d MMM y", locale="en_GB")}


def _label(code: VaccineCode) -> str:
    return f"{_SYSTEMS.get(code.system, code.system.removeprefix('urn:oid:'))} {code.code}"


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"
