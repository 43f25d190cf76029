"""What can be done with a batch of lines before it meets the database: checked, sealed, rejected with a code."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Generic, TypeVar

from services.identity.domain import extraction
from services.identity.domain.extraction import Activity, read_activity
from services.identity.domain.insured import (
    COLUMNS_NEEDED,
    COLUMNS_POSSIBLE,
    InsuredPerson,
    SealedInsured,
    read_insured,
    seal_insured,
)
from services.identity.domain.sealing import Keyrings
from services.identity.files import Columns, Line, Lines
from services.identity.usecases.import_insured import InsuredBatch
from shared.crypto.fingerprints import ins_parts
from shared.errors import CodedError

INSURED = Columns({name: name for name in (*COLUMNS_NEEDED, *COLUMNS_POSSIBLE)}, COLUMNS_NEEDED)
DIRECTORY = Columns(extraction.TITLES, extraction.NEEDED)
ContentT = TypeVar("ContentT")


@dataclass(frozen=True, slots=True)
class Batch(Generic[ContentT]):
    """What is to be written, what is rejected and for which code, and how much of the file it is.

    `unreadable`: how many rejected lines do not tell whom they are about.
    """

    content: ContentT
    rejected: Sequence[tuple[Line, str]]
    unreadable: int
    read: Lines


@dataclass(frozen=True)
class Preparation:
    """How batches are prepared. `test_keys`: numbers under a test OID may have a wrong key."""

    keyrings: Keyrings
    today: date
    test_keys: bool

    def insured(self, lines: Lines) -> Batch[InsuredBatch]:
        """Of the insured register. A number that stands twice counts as it stands last."""
        sealed: dict[object, SealedInsured] = {}
        older: dict[str, InsuredPerson] = {}
        rejected: list[tuple[Line, str]] = []
        for line in lines.lines:
            try:
                person = read_insured(_fields(line), self.today, test_keys=self.test_keys)
            except CodedError as error:
                rejected.append((line, error.code))
                continue
            one = seal_insured(self.keyrings, person)
            sealed[one.row.id] = one
            for fingerprint in self._older_fingerprints(person):
                older[fingerprint] = person
        return Batch(InsuredBatch(tuple(sealed.values()), older), rejected, len(rejected), lines)

    def _older_fingerprints(self, person: InsuredPerson) -> Sequence[str]:
        ring = self.keyrings.ins
        return [] if len(ring.keys) == 1 else ring.fingerprints(*ins_parts(person.person.ins))[1:]


def activities(lines: Lines) -> Batch[Sequence[Activity]]:
    """Of the directory."""
    found: list[Activity] = []
    rejected: list[tuple[Line, str]] = []
    unreadable = 0
    for line in lines.lines:
        try:
            activity, wrong = read_activity(line.number, _fields(line))
        except CodedError as error:
            rejected.append((line, error.code))
            unreadable += 1
            continue
        found.append(activity)
        if wrong is not None:
            rejected.append((line, wrong.code))
    return Batch(found, rejected, unreadable, lines)


def _fields(line: Line) -> dict[str, str]:
    if line.error is not None:
        raise line.error
    return line.fields
