"""Which of two sayings about the labels of one document is the newer: as records counts, by nobody's clock.

Records numbers what happens to a document's labels, so that the order holds however often and in whatever order
messages come again, from a restored database or from a cluster with new offsets. Records of the release before did not
number new labels: those are ordered by their place on the topic, which keeps one record's messages in one partition.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from shared.contracts.records import DocumentPublished, DocumentReceived, DocumentRelabelled

UNNUMBERED, RECEIVED, PUBLISHED = 0, 1, 2
"""Labels that a deposit came with, and those that it was published with. The numbers of new labels begin after them."""

# Of `on conflict do update`, the table being called `known`. A row whose "offset" is below zero was written by the
# release before, which knew times only: what that release says too is ordered by them once more.
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
    """`number`: higher is newer, UNNUMBERED where records did not count; `offset`: the place in the partition.

    `at`: the sender's time, which orders nothing but rows of the release before.
    """

    number: int
    offset: int
    at: datetime

    @classmethod
    def of(cls, message: LabelMessage) -> "LabelVersion":
        """That of a message about a document's labels."""
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
        """Whether this is the newer of the two. The same rule as REPLACES_KNOWN."""
        if self.number > PUBLISHED:
            return (self.number, self.offset) > (other.number, other.offset)
        if self.number == UNNUMBERED:
            return self.offset > other.offset
        return (other.number, self.number) == (RECEIVED, PUBLISHED)
