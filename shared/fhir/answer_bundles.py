"""Writes the Bundles that the server answers: transaction-response and searchset (FHIR R4, Bundle).

They come out as bytes; the resources in them come in as bytes and are not parsed again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

import orjson

from shared.fhir.outcomes import Issue, outcome_resource
from shared.fhir.write import Json, instant, purpose_of_use


@dataclass(frozen=True, slots=True)
class EntryResponse:
    """What became of one entry of a transaction: status such as `201 Created`, and where the resource is."""

    status: str
    location: str | None = None
    etag: str | None = None
    last_modified: datetime | None = None
    issues: tuple[Issue, ...] = field(default=())


def transaction_response(entries: Sequence[EntryResponse]) -> bytes:
    """The Bundle that answers a transaction: as many entries, in the same order."""
    return orjson.dumps(
        {"resourceType": "Bundle", "type": "transaction-response", "entry": [_response(entry) for entry in entries]}
    )


def searchset(
    resources: Sequence[tuple[str, bytes]],
    *,
    self_url: str,
    next_url: str | None = None,
    total: int | None = None,
    issues: Sequence[Issue] = (),
    access_mode: str | None = None,
) -> bytes:
    """The Bundle that answers a search: (fullUrl, resource) pairs, and what there is to say as an OperationOutcome.

    With a `next_url` there is more, and the total is stated only when `total` is given. `access_mode`: the emergency
    mode (TRE_R248) in which it is given.
    """
    entries: list[Json] = [
        {"fullUrl": url, "resource": orjson.Fragment(resource), "search": {"mode": "match"}}
        for url, resource in resources
    ]
    if issues:
        entries.append({"resource": outcome_resource(issues), "search": {"mode": "outcome"}})
    bundle: Json = {
        "resourceType": "Bundle",
        "type": "searchset",
        "link": [{"relation": "self", "url": self_url}],
    }
    if access_mode is not None:
        bundle["meta"] = {"security": [purpose_of_use(access_mode)]}
    if next_url is not None:
        bundle["link"] = [{"relation": "self", "url": self_url}, {"relation": "next", "url": next_url}]
    if total is not None or next_url is None:
        bundle["total"] = len(resources) if total is None else total
    if entries:  # FHIR knows no empty array
        bundle["entry"] = entries
    return orjson.dumps(bundle)


def _response(entry: EntryResponse) -> Json:
    response: Json = {"status": entry.status}
    if entry.location is not None:
        response["location"] = entry.location
    if entry.etag is not None:
        response["etag"] = entry.etag
    if entry.last_modified is not None:
        response["lastModified"] = instant(entry.last_modified)
    if entry.issues:
        response["outcome"] = outcome_resource(entry.issues)
    return {"response": response}
