"""A commitment to the record that an emergency token names: only a service that knows the record id can check it."""

import base64
import hashlib
from uuid import UUID


def record_commitment(session_id: UUID, record_id: UUID) -> str:
    """Returns the claim `emergency_record`: base64url of SHA-256 over both ids, 43 characters.

    For a patient without a record, callers pass a random id, so that the claim does not tell whether a record exists.
    """
    digest = hashlib.sha256(b"emergency-record" + session_id.bytes + record_id.bytes).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")
