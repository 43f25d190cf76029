"""Prepares batches of lines before the database is needed: checks and seals them, and rejects lines with a code."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Generic, TypeVar

from services.identity.imports import domain as imports
from services.identity.imports.adapters.files import FileLine, LineBatch
from services.identity.imports.domain import ActivityLine, InsuredBatch, parse_activity, rejected_activity
from services.identity.kit.sealed_rows import Keyrings
from services.identity.people.domain.insured import (
    OPTIONAL_COLUMNS,
    REQUIRED_COLUMNS,
    InsuredPerson,
    InsuredRowUpdate,
    parse_insured,
    seal_insured,
)
from shared.crypto.fingerprints import ins_parts
from shared.delimited import Columns
from shared.errors import CodedError

INSURED_COLUMNS = Columns({name: name for name in (*REQUIRED_COLUMNS, *OPTIONAL_COLUMNS)}, REQUIRED_COLUMNS)
DIRECTORY_COLUMNS = Columns(imports.COLUMN_TITLES, imports.REQUIRED_COLUMNS, has_quoting=False)
ContentT = TypeVar("ContentT")


@dataclass(frozen=True, slots=True)
class PreparedBatch(Generic[ContentT]):
    """The content to be written, the rejected lines with their codes, and the lines read.

    `unreadable`: the number of rejected lines that do not tell whom they are about.
    """

    content: ContentT
    rejected: Sequence[tuple[FileLine, str]]
    unreadable: int
    read: LineBatch


@dataclass(frozen=True)
class InsuredPreparer:
    """Prepares batches of the insured register. `test_keys`: numbers under a test OID may have a wrong key."""

    keyrings: Keyrings
    today: date
    test_keys: bool

    def insured(self, lines: LineBatch) -> PreparedBatch[InsuredBatch]:
        """Returns the prepared batch. Of several lines with one number the last one counts."""
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
    """Returns the prepared batch of the directory. Of a rejected line remains whom it names, so that nobody counts as
    absent whose line is damaged."""
    activities: list[ActivityLine] = []
    rejected: list[tuple[FileLine, str]] = []
    unreadable = 0
    for line in lines.lines:
        try:
            activity, wrong = parse_activity(line.number, _fields(line))
        except CodedError as error:
            rejected.append((line, error.code))
            if named := rejected_activity(line.number, line.fields):
                activities.append(named)
            else:
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
