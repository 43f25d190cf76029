"""Reads the HL7 v2.5 values of XDS metadata: CX, XCN, XON, CE, times and the PID fields of sourcePatientInfo.

Source: IHE ITI TF-3 4.2.3.1.7; CI-SIS, "Structure des métadonnées XDS".
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from shared.cda.summary import parse_time, partial_date
from shared.human_text import clean_line
from shared.values import RedactedRepr, SentTraits, Sex, document_id, first_given_name, is_cog, is_day, normalise_name

_HAS_TIME: Final = re.compile(r"\d{10,14}(?:\.\d+)?", re.ASCII)
_ESCAPE: Final = re.compile(r"\\([FSTRE])\\")
_ESCAPED: Final = {"F": "|", "S": "^", "T": "&", "R": "~", "E": "\\"}
_ESCAPES: Final = str.maketrans({letter: f"\\{code}\\" for code, letter in _ESCAPED.items()})
_NAME_LIMIT: Final = 1024


@dataclass(frozen=True, slots=True, repr=False)
class XdsId(RedactedRepr):
    """An identifier in its domain (CX, or of an XCN or XON): the OID of the assigning authority."""

    value: str
    root: str | None


@dataclass(frozen=True, slots=True, repr=False)
class XdsParty(RedactedRepr):
    """A person or device (XCN) or an organisation (XON). `kind`: XCN.10, `U` for a device, `D` for a professional."""

    id: XdsId | None
    name: str | None
    kind: str | None = None


@dataclass(frozen=True, slots=True)
class XdsTime:
    """A time (DTM, in UTC), its first moment when partial; `partial`: the day, month or year that it names."""

    moment: datetime
    partial: str | None


def escape(text: str) -> str:
    """Returns a text as a component, its separators escaped."""
    return text.translate(_ESCAPES)


def read_cx(text: str | None) -> XdsId | None:
    """Returns the identifier of a CX, `id^^^&oid&ISO^type`; None without one."""
    parts = _components(text or "")
    return XdsId(parts[0], _authority(parts, 4)) if parts[0] else None


def read_xcn(text: str) -> XdsParty:
    """Returns the person or device of an XCN, `id^family^given^second^suffix^prefix^^^&oid&ISO^D`."""
    parts = _components(text)
    id, family, given_name, second, suffix, prefix = (_part(parts, number) for number in range(1, 7))
    name = clean_line(" ".join(part for part in (prefix, given_name, second, family, suffix) if part))
    return XdsParty(XdsId(id, _authority(parts, 9)) if id else None, name[:_NAME_LIMIT] or None, _part(parts, 10))


def read_xon(text: str) -> XdsParty:
    """Returns the organisation of an XON, `name^^^^^&oid&ISO^IDNST^^^id`."""
    parts = _components(text)
    id, name = _part(parts, 10), clean_line(_part(parts, 1) or "")
    return XdsParty(XdsId(id, _authority(parts, 6)) if id else None, name[:_NAME_LIMIT] or None)


def read_ce(text: str) -> str | None:
    """Returns the code of a CE, `code^label^system`."""
    return _part(_components(text), 1)


def read_time(text: str | None) -> XdsTime | None:
    """Returns a DTM, which is in UTC unless it has a zone; None where it cannot be read."""
    if text is not None and _HAS_TIME.fullmatch(text):
        text += "+0000"
    moment = parse_time(text)
    return None if moment is None else XdsTime(moment, partial_date(text))


def read_unique_id(text: str | None) -> str | None:
    """Returns a uniqueId in canonical form (`shared.values.document_id`): `OID`, `OID^extension`, a UUID or a URN."""
    root, caret, extension = (text or "").partition("^")
    for prefix in ("urn:oid:", "urn:uuid:"):
        if root.lower().startswith(prefix):
            root = root[len(prefix) :]
    return document_id(root, extension if caret else None)


def read_patient_info(values: Sequence[str]) -> SentTraits | None:
    """Returns the traits that sourcePatientInfo states (`PID-5|name^given^^^^^L`); None without any.

    The birth name is the one of type L, else one without type, never a usual one; the place is the address BDL.
    """
    fields: dict[str, list[str]] = {}
    for value in values:
        name, bar, text = value.partition("|")
        if bar:
            fields.setdefault(name.strip().upper(), []).extend(text.split("~"))
    birth = _part([_first(fields, "PID-7")[:8]], 1) or ""
    day = f"{birth[:4]}-{birth[4:6]}-{birth[6:8]}"
    family, given_name = _birth_name(fields.get("PID-5", []))
    place = _birth_place(fields.get("PID-11", []))
    return (
        SentTraits(
            birth_name=family if family and normalise_name(family) else None,
            given_name=given_name if given_name and normalise_name(given_name) else None,
            birth_date=day if is_day(day) else None,
            sex=Sex.of(_first(fields, "PID-8") or None),
            birth_place=place if place and is_cog(place) else None,
        )
        or None
    )


def _birth_name(names: list[str]) -> tuple[str | None, str | None]:
    parts = [_components(name) for name in names]
    legal = next((name for name in parts if _part(name, 7) == "L"), None)
    if legal is not None:
        return _part(legal, 1), first_given_name(_part(legal, 2), None)
    untyped = next((name for name in parts if _part(name, 7) is None), [""])
    return _part(untyped, 1), first_given_name(None, _part(untyped, 2))


def _birth_place(addresses: list[str]) -> str | None:
    places = (_components(address) for address in addresses)
    return next((_part(place, 9) for place in places if _part(place, 7) == "BDL"), None)


def _first(fields: dict[str, list[str]], name: str) -> str:
    return next(iter(fields.get(name, [])), "").strip()


def _components(text: str) -> list[str]:
    return text.split("^")


def _part(parts: list[str], number: int) -> str | None:
    """Returns a component, counted from 1, stripped and without escapes; None when absent or blank."""
    text = parts[number - 1].strip() if number <= len(parts) else ""
    return _ESCAPE.sub(lambda match: _ESCAPED[match[1]], text) or None


def _authority(parts: list[str], number: int) -> str | None:
    """Returns the OID of an assigning authority, `name&oid&ISO`."""
    subparts = (_part(parts, number) or "").split("&")
    return subparts[1].strip() or None if len(subparts) > 1 else None
