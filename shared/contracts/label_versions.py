"""Decides which of two messages about the labels of one document is newer, by the numbering of records, not by a clock.

Records numbers the changes of a document's labels. The order therefore holds however often and in whatever order
messages are redelivered, also from a restored database or a cluster with new offsets. The previous release of records
did not number new labels. Those are ordered by their offset, since all messages of one record are in one partition.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from shared.contracts.records import DocumentPublished, DocumentReceived, DocumentRelabelled

UNNUMBERED, RECEIVED, PUBLISHED = 0, 1, 2
"""Numbers of the labels at deposit and at publication. Later labels are numbered from 3 on."""

# For `on conflict do update`, with the table aliased as `known`. A row with a negative "offset" was written by the
# previous release, which knew only times; messages of that release are then ordered by time as well.
REPLACES_KNOWN = """case when excluded.version > 2
                then (excluded.version, excluded."offset") > (known.version, known."offset")
           when known."offset" < 0 then coalesce(known.as_of < excluded.as_of, true)
           when excluded.version = 0 then excluded."offset" > known."offset"
           else excluded.version = 2 and known.version = 1 end"""


class LabelMessage(Protocol):
    """A message about a document's labels: the event, its place in the partition, and the sender's time."""

    @property
    def event(self) -> DocumentReceived | DocumentPublished | DocumentRelabelled:
        """The event."""

    @property
    def offset(self) -> int:
        """Its place in the partition."""

    @property
    def time(self) -> datetime:
        """The sender's time."""


@dataclass(frozen=True, slots=True)
class LabelVersion:
    """The place of one message in the order of a document's labels.

    `number`: higher is newer, UNNUMBERED when records did not number it. `offset`: the offset in the partition. `at`:
    the sender's time, used only to order rows of the previous release.
    """

    number: int
    offset: int
    at: datetime

    @classmethod
    def of(cls, message: LabelMessage) -> "LabelVersion":
        """Returns the version of the labels that a message states."""
        match message.event:
            case DocumentReceived():
                number = RECEIVED
            case DocumentPublished():
                number = PUBLISHED
            case DocumentRelabelled(version=None):
                number = UNNUMBERED
            case DocumentRelabelled(version=int(version)):
                number = PUBLISHED + version
        return cls(number, message.offset, message.time)

    def replaces(self, other: "LabelVersion") -> bool:
        """Whether this version is the newer of the two. Implements the rule of REPLACES_KNOWN."""
        if self.number > PUBLISHED:
            return (self.number, self.offset) > (other.number, other.offset)
        if self.number == UNNUMBERED:
            return self.offset > other.offset
        return (other.number, self.number) == (RECEIVED, PUBLISHED)
