"""The DocumentReferences of a copy as one FHIR Bundle (R4, type collection), made piece by piece."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import orjson

NAME: Final = "documents.fhir.json"
SEPARATOR: Final = b",\n"
"""Between the entries of two parts."""


def bundle_entries(resources: Iterable[tuple[UUID, bytes]]) -> bytes:
    """Returns entries of the Bundle, separated: (id of the document, DocumentReference in JSON) each."""
    return SEPARATOR.join(
        orjson.dumps({"fullUrl": f"urn:uuid:{id}", "resource": orjson.Fragment(resource)}) for id, resource in resources
    )


def bundle_head(export_id: UUID, made_at: datetime, *, has_entries: bool) -> bytes:
    """Returns what stands before the first entry. FHIR forbids empty arrays: without entries there is none."""
    resource = {
        "resourceType": "Bundle",
        "id": str(export_id),
        "type": "collection",
        "timestamp": made_at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }
    head = orjson.dumps(resource).removesuffix(b"}")
    return head + b',"entry":[\n' if has_entries else head


def bundle_tail(*, has_entries: bool) -> bytes:
    """Returns what stands behind the last entry."""
    return b"\n]}\n" if has_entries else b"}\n"
