"""On which document a certificate rests, and the list of revoked certificates of one key.

Source: SMART Health Cards Framework 1.4, "Revocation". The `rid` of a certificate is random and stands for it alone.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from shared.contracts.audit import AccessRecorded

ISSUE: Final = "issue-certificate"
"""The action in the ledger: an entry for each document on which a certificate rests."""
_SUBJECT: Final = re.compile(r"c\.([A-Za-z0-9_-]{43})\.([A-Za-z0-9_-]{16})", re.ASCII)
_ENTRY: Final = re.compile(r"([A-Za-z0-9_-]{1,24})(?:\.(\d{1,12}))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class CertificateSource:
    """A document on which the certificate `rid`, signed with the key `kid`, rests."""

    record_id: UUID
    document_id: UUID
    kid: str
    rid: str

    @property
    def subject(self) -> str:
        """The certificate in an entry of the ledger (`subject_id`)."""
        return f"c.{self.kid}.{self.rid}"


def source_of(event: AccessRecorded) -> CertificateSource | None:
    """Returns the source that an entry of the ledger states; None for an entry about something else."""
    if event.action != ISSUE or event.outcome != "permitted" or event.document_id is None:
        return None
    match = _SUBJECT.fullmatch(event.subject_id or "")
    return None if match is None else CertificateSource(event.record_id, event.document_id, match[1], match[2])


@dataclass(frozen=True, slots=True)
class RevocationList:
    """The revoked cards of the key `kid`. `version`: the counter, which grows with each entry; 1 without entries.

    `entries`: `rid` -> the second (Unix) from which on a card of this `rid` is valid again, None for none.
    """

    kid: str
    version: int
    entries: dict[str, int | None]

    @classmethod
    def of_rids(cls, kid: str, rids: Iterable[str]) -> "RevocationList":
        """Returns the list of these revoked cards."""
        entries: dict[str, int | None] = dict.fromkeys(rids)
        return cls(kid, 1 + len(entries), entries)

    @classmethod
    def parse(cls, published: Any) -> "RevocationList":
        """Returns a list as it is published. Raises ValueError where it is none."""
        if not isinstance(published, dict) or published.get("method") != "rid":
            raise ValueError("not a list of revoked cards by rid")
        kid, version, rids = published.get("kid"), published.get("ctr"), published.get("rids")
        if not isinstance(kid, str) or not isinstance(version, int) or not isinstance(rids, list):
            raise ValueError("not a list of revoked cards by rid")
        matches = [_ENTRY.fullmatch(rid) if isinstance(rid, str) else None for rid in rids]
        entries: dict[str, int | None] = {}
        for match in matches:
            if match is None:
                raise ValueError("an entry is no rid")
            before = None if match[2] is None else int(match[2])
            earlier = entries.get(match[1], 0)
            entries[match[1]] = None if before is None or earlier is None else max(before, earlier)
        return cls(kid, version, entries)

    def published(self) -> dict[str, Any]:
        """Returns the list in the form in which it is published."""
        rids = [rid if before is None else f"{rid}.{before}" for rid, before in self.entries.items()]
        return {"kid": self.kid, "method": "rid", "ctr": self.version, "rids": rids}

    def revokes(self, rid: str, not_before: float) -> bool:
        """Returns whether the card with this `rid` and `nbf` (seconds, Unix) is revoked."""
        if rid not in self.entries:
            return False
        before = self.entries[rid]
        return before is None or not_before < before
