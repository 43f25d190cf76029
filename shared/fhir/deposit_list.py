"""Writes a deposit as a List: the SubmissionSet of IHE MHD, with what became of each document (FHIR R4, List).

The List claims no profile: what the depositor wrote in its own SubmissionSet, such as its source, is not kept.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import orjson

from shared.fhir.deposit_status import deposit_codings
from shared.fhir.submission_set import LIST_TYPES
from shared.fhir.write import Json, instant


@dataclass(frozen=True, slots=True)
class ListedDocument:
    """A document of the deposit. `since`: the moment from which it has its status; `refusal`: a stable code."""

    id: str
    since: datetime
    status: str
    refusal: str | None


def deposit_list(deposit_id: str, received_at: datetime, documents: Sequence[ListedDocument]) -> bytes:
    """Returns the List as JSON; its documents in the order of the submission."""
    return orjson.dumps(
        {
            "resourceType": "List",
            "id": deposit_id,
            "status": "current",
            "mode": "working",
            "code": {"coding": [{"system": LIST_TYPES, "code": "submissionset"}]},
            "date": instant(received_at),
            "entry": [_entry(document) for document in documents],
        }
    )


def _entry(document: ListedDocument) -> Json:
    return {
        "flag": {"coding": deposit_codings(document.status, document.refusal)},
        "date": instant(document.since),
        "item": {"reference": f"DocumentReference/{document.id}"},
    }
