"""Which record the token of an emergency names, said so that only who already has the record's id can tell."""

import base64
import hashlib
from uuid import UUID


def record_commitment(session_id: UUID, record_id: UUID) -> str:
    """The claim `emergency_record`: base64url of SHA-256 over both ids.

    Of a patient without a record it is made of an id that nothing has: whoever holds the token learns nothing by it.
    """
    digest = hashlib.sha256(b"emergency-record" + session_id.bytes + record_id.bytes).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")
