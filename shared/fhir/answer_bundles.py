"""Writes the Bundles of the server's answers: transaction-response and searchset (FHIR R4, Bundle).

The result is bytes. The resources in it are passed in as bytes and not parsed again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import orjson

from shared.fhir.outcomes import Issue, outcome_resource
from shared.fhir.write import Json, purpose_of_use


@dataclass(frozen=True, slots=True)
class EntryResponse:
    """The outcome of one entry of a transaction: a status such as `201 Created`, and the location of the resource."""

    status: str
    location: str | None = None
    etag: str | None = None
    issues: tuple[Issue, ...] = field(default=())


def transaction_response(entries: Sequence[EntryResponse]) -> bytes:
    """Returns the Bundle that answers a transaction, with its entries in the order of the request."""
    return orjson.dumps(
        {"resourceType": "Bundle", "type": "transaction-response", "entry": [_response(entry) for entry in entries]}
    )


def searchset(
    resources: Sequence[tuple[str, bytes]],
    *,
    included: Sequence[tuple[str, bytes]] = (),
    self_url: str,
    next_url: str | None = None,
    total: int | None,
    issues: Sequence[Issue] = (),
    access_mode: str | None = None,
) -> bytes:
    """Returns the Bundle that answers a search: (fullUrl, resource) pairs, those that they go with, and issues as an
    OperationOutcome.

    `self_url` holds the parameters that were used; a `next_url` means that more results follow. `total`: the number of
    matches on all pages, None where it is not known. `access_mode`: the emergency mode (TRE_R248) of the answer.
    """
    entries: list[Json] = [
        {"fullUrl": url, "resource": orjson.Fragment(resource), "search": {"mode": mode}}
        for mode, pairs in (("match", resources), ("include", included))
        for url, resource in pairs
    ]
    if issues:
        entries.append({"resource": outcome_resource(issues), "search": {"mode": "outcome"}})
    bundle: Json = {
        "resourceType": "Bundle",
        "type": "searchset",
        "link": [{"relation": "self", "url": self_url}],
    }
    if total is not None:
        bundle["total"] = total
    if access_mode is not None:
        bundle["meta"] = {"security": [purpose_of_use(access_mode)]}
    if next_url is not None:
        bundle["link"] = [{"relation": "self", "url": self_url}, {"relation": "next", "url": next_url}]
    if entries:  # FHIR forbids empty arrays
        bundle["entry"] = entries
    return orjson.dumps(bundle)


def _response(entry: EntryResponse) -> Json:
    response: Json = {"status": entry.status}
    if entry.location is not None:
        response["location"] = entry.location
    if entry.etag is not None:
        response["etag"] = entry.etag
    if entry.issues:
        response["outcome"] = outcome_resource(entry.issues)
    return {"response": response}
