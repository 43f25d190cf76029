"""What can be done with a batch of lines before it meets the database: checked, sealed, rejected with a code."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Generic, TypeVar

from services.identity.domain import extraction
from services.identity.domain.extraction import ActivityLine, parse_activity
from services.identity.domain.insured import (
    OPTIONAL_COLUMNS,
    REQUIRED_COLUMNS,
    InsuredPerson,
    InsuredRowUpdate,
    parse_insured,
    seal_insured,
)
from services.identity.domain.sealing import Keyrings
from services.identity.files import Columns, FileLine, LineBatch
from services.identity.usecases.import_insured import InsuredBatch
from shared.crypto.fingerprints import ins_parts
from shared.errors import CodedError

INSURED_COLUMNS = Columns({name: name for name in (*REQUIRED_COLUMNS, *OPTIONAL_COLUMNS)}, REQUIRED_COLUMNS)
DIRECTORY_COLUMNS = Columns(extraction.COLUMN_TITLES, extraction.REQUIRED_COLUMNS)
ContentT = TypeVar("ContentT")


@dataclass(frozen=True, slots=True)
class PreparedBatch(Generic[ContentT]):
    """What is to be written, what is rejected and for which code, and how much of the file it is.

    `unreadable`: how many rejected lines do not tell whom they are about.
    """

    content: ContentT
    rejected: Sequence[tuple[FileLine, str]]
    unreadable: int
    read: LineBatch


@dataclass(frozen=True)
class InsuredPreparer:
    """How batches are prepared. `test_keys`: numbers under a test OID may have a wrong key."""

    keyrings: Keyrings
    today: date
    test_keys: bool

    def insured(self, lines: LineBatch) -> PreparedBatch[InsuredBatch]:
        """Of the insured register. A number that stands twice counts as it stands last."""
        sealed: dict[object, InsuredRowUpdate] = {}
        older: dict[str, InsuredPerson] = {}
        rejected: list[tuple[FileLine, str]] = []
        for line in lines.lines:
            try:
                person = parse_insured(_fields(line), self.today, test_keys=self.test_keys)
            except CodedError as error:
                rejected.append((line, error.code))
                continue
            update = seal_insured(self.keyrings, person)
            sealed[update.row.id] = update
            for fingerprint in self._older_fingerprints(person):
                older[fingerprint] = person
        return PreparedBatch(InsuredBatch(tuple(sealed.values()), older), rejected, len(rejected), lines)

    def _older_fingerprints(self, person: InsuredPerson) -> Sequence[str]:
        ring = self.keyrings.ins
        return [] if len(ring.keys) == 1 else ring.fingerprints(*ins_parts(person.person.ins))[1:]


def prepare_activities(lines: LineBatch) -> PreparedBatch[Sequence[ActivityLine]]:
    """Of the directory."""
    activities: list[ActivityLine] = []
    rejected: list[tuple[FileLine, str]] = []
    unreadable = 0
    for line in lines.lines:
        try:
            activity, wrong = parse_activity(line.number, _fields(line))
        except CodedError as error:
            rejected.append((line, error.code))
            unreadable += 1
            continue
        activities.append(activity)
        if wrong is not None:
            rejected.append((line, wrong.code))
    return PreparedBatch(activities, rejected, unreadable, lines)


def _fields(line: FileLine) -> dict[str, str]:
    if line.error is not None:
        raise line.error
    return line.fields
