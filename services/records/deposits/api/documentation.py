"""The OpenAPI documentation of the deposit, which parses and writes bytes itself."""

from typing import Any

from services.records.kit.documentation import AUTHENTICATED, BYTES, NOT_ACCEPTABLE, UNAUTHENTICATED, outcome, resource
from shared.fhir.write import FHIR_JSON
from shared.http.described_errors import FHIR_RESOURCE

DEPOSIT: dict[str, Any] = {
    **BYTES,
    "summary": "Deposit documents (PDSm ITI-65 transaction)",
    "description": "A Bundle with one SubmissionSet List, and a DocumentReference and a Binary for each document. "
    "200: stored, and invisible until the patient's choices are checked. Follow the deposit at Location, or wait with "
    "`Prefer: wait=2`. A repeated submission gets the answer of the first.",
    "responses": {
        200: resource("A transaction-response with the entries in the order of the request, each with its own status."),
        400: outcome("Not a FHIR Bundle in JSON."),
        **UNAUTHENTICATED,
        **NOT_ACCEPTABLE,
        403: outcome("Not the software of an organisation, or without the scope documents.deposit."),
        409: outcome("A masterIdentifier already names another document in this record."),
        413: outcome("Too large."),
        415: outcome("Not JSON, for another version of FHIR than 4.0, or with a Content-Encoding."),
        422: outcome("Not acceptable: lists all issues of the submission; or record unknown or closed, traits differ."),
    },
    "openapi_extra": {
        **AUTHENTICATED,
        "requestBody": {"required": True, "content": {FHIR_JSON: FHIR_RESOURCE}},
        "parameters": [
            {
                "name": "Prefer",
                "in": "header",
                "schema": {"type": "string"},
                "example": "wait=2",
                "description": "Wait for the documents to be published or refused, for this many seconds at most.",
            }
        ],
    },
}
