"""Writes a sheet as JSON, and the ETag that its content has."""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec

from services.records.summary.domain.sheet import SummaryLine, SummarySheet

_ENCODER = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True)
class SheetBody:
    """The body of an answer, and its ETag: of all but the moment at which the sheet was made."""

    content: bytes
    etag: str


def sheet_body(sheet: SummarySheet, confirmable: Collection[UUID]) -> SheetBody:
    """Returns the sheet as `SummaryView` describes it."""
    content = _ENCODER.encode(
        {
            "record_id": sheet.record_id,
            "audience": sheet.audience,
            "may_hold_masked": sheet.audience == "professional",
            "lines": [_line(line, line.id in confirmable) for line in sheet.lines],
            "people_to_call": sheet.people_to_call,
            "counts": sheet.counts,
        }
    )
    written = _ENCODER.encode({"written_at": sheet.written_at})
    return SheetBody(content[:-1] + b"," + written[1:], f'"{hashlib.sha256(content).hexdigest()[:32]}"')


def _line(line: SummaryLine, confirmable: bool) -> dict[str, Any]:
    return {
        "id": line.id,
        "chapter": line.chapter,
        "state": line.state,
        "origin": line.origin,
        "confirmable": confirmable,
        "is_old": line.is_old,
        "conflict": line.conflict,
        "sources": line.sources,
        "decisions": line.decisions,
        "declaration": line.declaration,
        "where": line.where,
        "fact": line.fact,
    }
